"""ServiceCIDR: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, OtherVersion, Resource

RESOURCE = Resource(
    group="networking.k8s.io",
    version="v1",
    kind="ServiceCIDR",
    plural="servicecidrs",
    singular="servicecidr",
    namespaced=False,
    schema="io.k8s.api.networking.v1.ServiceCIDR",
    other_versions=(OtherVersion("v1beta1", "io.k8s.api.networking.v1beta1.ServiceCIDR"),),
    subresources=(STATUS,),
)
