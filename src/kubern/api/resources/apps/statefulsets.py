"""StatefulSet: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import SCALE, STATUS, Resource, ScalePaths

RESOURCE = Resource(
    group="apps",
    version="v1",
    kind="StatefulSet",
    plural="statefulsets",
    singular="statefulset",
    namespaced=True,
    schema="io.k8s.api.apps.v1.StatefulSet",
    short_names=("sts",),
    categories=("all",),
    subresources=(SCALE, STATUS),
    scale=ScalePaths(),
    generation=True,
)
