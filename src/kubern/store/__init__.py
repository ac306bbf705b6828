"""The durable key-value store with etcd's semantics: bytes and revisions, never objects.

`contract` says what a store does; `embedded` is the back end on one SQLite file, `etcd` the one on a cluster of etcd v3. Whoever opens one
imports it from there.
"""
