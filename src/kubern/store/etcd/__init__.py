"""The etcd back end: the store's contract on a cluster of etcd v3 members, shared by any number of apiservers."""

import os

# gRPC writes what goes wrong with a connection on standard error by itself, over and over; errors say the same, once
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
