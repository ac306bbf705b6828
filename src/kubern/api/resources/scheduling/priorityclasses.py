"""PriorityClass: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import Resource

RESOURCE = Resource(
    group="scheduling.k8s.io",
    version="v1",
    kind="PriorityClass",
    plural="priorityclasses",
    singular="priorityclass",
    namespaced=False,
    schema="io.k8s.api.scheduling.v1.PriorityClass",
    short_names=("pc",),
    generation=True,
)
