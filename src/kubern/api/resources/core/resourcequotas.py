"""ResourceQuota: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource

RESOURCE = Resource(
    group="",
    version="v1",
    kind="ResourceQuota",
    plural="resourcequotas",
    singular="resourcequota",
    namespaced=True,
    schema="io.k8s.api.core.v1.ResourceQuota",
    short_names=("quota",),
    subresources=(STATUS,),
)
