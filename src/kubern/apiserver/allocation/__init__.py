"""Cluster IPs and node ports: who holds which, and which is free."""
