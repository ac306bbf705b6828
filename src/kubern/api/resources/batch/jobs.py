"""Job: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource

RESOURCE = Resource(
    group="batch",
    version="v1",
    kind="Job",
    plural="jobs",
    singular="job",
    namespaced=True,
    schema="io.k8s.api.batch.v1.Job",
    categories=("all",),
    subresources=(STATUS,),
    generation=True,
)
