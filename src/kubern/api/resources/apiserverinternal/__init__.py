"""The resources of the group internal.apiserver.k8s.io."""
