"""The resources of the group certificates.k8s.io."""
