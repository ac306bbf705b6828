"""Container images without a registry: OCI archives built from files on this machine."""
