"""Workload: its facts."""

from __future__ import annotations

from kubern.api.resource import Resource
from kubern.api.rules import cells

RESOURCE = Resource(
    group="scheduling.k8s.io",
    version="v1alpha2",
    kind="Workload",
    plural="workloads",
    singular="workload",
    namespaced=True,
    schema="io.k8s.api.scheduling.v1alpha2.Workload",
    columns=(cells.NAME, cells.CREATED_AT),
)
