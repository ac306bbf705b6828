"""The resources of the group coordination.k8s.io."""
