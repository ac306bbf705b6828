"""Workload: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import Resource

RESOURCE = Resource(
    group="scheduling.k8s.io",
    version="v1alpha2",
    kind="Workload",
    plural="workloads",
    singular="workload",
    namespaced=True,
    schema="io.k8s.api.scheduling.v1alpha2.Workload",
)
