"""ReplicaSet: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import SCALE, STATUS, Resource, ScalePaths

RESOURCE = Resource(
    group="apps",
    version="v1",
    kind="ReplicaSet",
    plural="replicasets",
    singular="replicaset",
    namespaced=True,
    schema="io.k8s.api.apps.v1.ReplicaSet",
    short_names=("rs",),
    categories=("all",),
    subresources=(SCALE, STATUS),
    scale=ScalePaths(),
    generation=True,
)
