"""Shared by every test: nothing but what all of them need."""
