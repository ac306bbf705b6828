"""The durable key-value store with etcd's semantics: bytes and revisions, never objects."""
