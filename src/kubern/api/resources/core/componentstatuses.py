"""ComponentStatus: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import READ_VERBS, Resource

RESOURCE = Resource(
    group="",
    version="v1",
    kind="ComponentStatus",
    plural="componentstatuses",
    singular="componentstatus",
    namespaced=False,
    schema="io.k8s.api.core.v1.ComponentStatus",
    short_names=("cs",),
    verbs=READ_VERBS,
    stored=False,
)
