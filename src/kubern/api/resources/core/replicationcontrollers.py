"""ReplicationController: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import SCALE, STATUS, Resource, ScalePaths

RESOURCE = Resource(
    group="",
    version="v1",
    kind="ReplicationController",
    plural="replicationcontrollers",
    singular="replicationcontroller",
    namespaced=True,
    schema="io.k8s.api.core.v1.ReplicationController",
    short_names=("rc",),
    categories=("all",),
    subresources=(
        SCALE,
        STATUS,
    ),
    generation=True,
    scale=ScalePaths(),
    storage_prefix="controllers",
)
