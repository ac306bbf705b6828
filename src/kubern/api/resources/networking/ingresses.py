"""Ingress: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource

RESOURCE = Resource(
    group="networking.k8s.io",
    version="v1",
    kind="Ingress",
    plural="ingresses",
    singular="ingress",
    namespaced=True,
    schema="io.k8s.api.networking.v1.Ingress",
    short_names=("ing",),
    subresources=(STATUS,),
    generation=True,
    storage_prefix="ingress",
)
