"""Endpoints: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import Resource

RESOURCE = Resource(
    group="",
    version="v1",
    kind="Endpoints",
    plural="endpoints",
    singular="endpoints",
    namespaced=True,
    schema="io.k8s.api.core.v1.Endpoints",
    short_names=("ep",),
    storage_prefix="services/endpoints",
)
