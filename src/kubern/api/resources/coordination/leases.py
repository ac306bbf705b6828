"""Lease: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import Resource

RESOURCE = Resource(
    group="coordination.k8s.io",
    version="v1",
    kind="Lease",
    plural="leases",
    singular="lease",
    namespaced=True,
    schema="io.k8s.api.coordination.v1.Lease",
)
