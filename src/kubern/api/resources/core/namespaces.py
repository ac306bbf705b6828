"""Namespace: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import ALL_VERBS, STATUS, Resource, Subresource

RESOURCE = Resource(
    group="",
    version="v1",
    kind="Namespace",
    plural="namespaces",
    singular="namespace",
    namespaced=False,
    schema="io.k8s.api.core.v1.Namespace",
    short_names=("ns",),
    verbs=tuple(verb for verb in ALL_VERBS if verb != "deletecollection"),
    subresources=(
        Subresource("finalize", ("update",)),
        STATUS,
    ),
)
