"""ResourceClaim: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, OtherVersion, Resource

RESOURCE = Resource(
    group="resource.k8s.io",
    version="v1",
    kind="ResourceClaim",
    plural="resourceclaims",
    singular="resourceclaim",
    namespaced=True,
    schema="io.k8s.api.resource.v1.ResourceClaim",
    other_versions=(
        OtherVersion("v1beta2", "io.k8s.api.resource.v1beta2.ResourceClaim"),
        OtherVersion("v1beta1", "io.k8s.api.resource.v1beta1.ResourceClaim"),
    ),
    subresources=(STATUS,),
)
