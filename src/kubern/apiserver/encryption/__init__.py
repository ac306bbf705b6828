"""Encryption at rest: which resources are sealed before they reach the store, and with what."""
