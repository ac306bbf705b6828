"""The audit log: who asked what of the API, when, and what came of it, as far as a policy wants to know. Source: audit.k8s.io/v1."""
