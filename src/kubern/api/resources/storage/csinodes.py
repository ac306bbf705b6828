"""CSINode: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import Resource

RESOURCE = Resource(
    group="storage.k8s.io",
    version="v1",
    kind="CSINode",
    plural="csinodes",
    singular="csinode",
    namespaced=False,
    schema="io.k8s.api.storage.v1.CSINode",
)
