"""Deployment: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import SCALE, STATUS, Resource, ScalePaths

RESOURCE = Resource(
    group="apps",
    version="v1",
    kind="Deployment",
    plural="deployments",
    singular="deployment",
    namespaced=True,
    schema="io.k8s.api.apps.v1.Deployment",
    short_names=("deploy",),
    categories=("all",),
    subresources=(SCALE, STATUS),
    scale=ScalePaths(),
    generation=True,
)
