"""ResourcePoolStatusRequest: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource

RESOURCE = Resource(
    group="resource.k8s.io",
    version="v1alpha3",
    kind="ResourcePoolStatusRequest",
    plural="resourcepoolstatusrequests",
    singular="resourcepoolstatusrequest",
    namespaced=False,
    schema="io.k8s.api.resource.v1alpha3.ResourcePoolStatusRequest",
    subresources=(STATUS,),
)
