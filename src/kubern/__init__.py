"""Kubern: Kubernetes, written in Python."""

KUBERNETES_VERSION = "v1.36.0"
"""The upstream release whose behaviour Kubern shows."""
