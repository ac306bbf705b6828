"""The etcd back end: the store's contract on a cluster of etcd v3 members, shared by any number of apiservers."""
