"""The providers of encryption, one file each, found by their `PROVIDER`."""
