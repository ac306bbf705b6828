"""The resources of the group events.k8s.io."""
