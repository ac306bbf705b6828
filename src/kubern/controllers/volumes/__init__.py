"""How claims find their volumes: what the PersistentVolume binder decides with."""
