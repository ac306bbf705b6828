"""The resources of the group storagemigration.k8s.io."""
