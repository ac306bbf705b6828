"""PodGroup: its facts."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource
from kubern.api.rules import cells

RESOURCE = Resource(
    group="scheduling.k8s.io",
    version="v1alpha2",
    kind="PodGroup",
    plural="podgroups",
    singular="podgroup",
    namespaced=True,
    schema="io.k8s.api.scheduling.v1alpha2.PodGroup",
    subresources=(STATUS,),
    columns=(cells.NAME, cells.CREATED_AT),
)
