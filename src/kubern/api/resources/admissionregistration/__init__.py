"""The resources of the group admissionregistration.k8s.io."""
