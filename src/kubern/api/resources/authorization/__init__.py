"""The resources of the group authorization.k8s.io."""
