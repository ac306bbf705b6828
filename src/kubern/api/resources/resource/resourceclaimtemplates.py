"""ResourceClaimTemplate: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import OtherVersion, Resource

RESOURCE = Resource(
    group="resource.k8s.io",
    version="v1",
    kind="ResourceClaimTemplate",
    plural="resourceclaimtemplates",
    singular="resourceclaimtemplate",
    namespaced=True,
    schema="io.k8s.api.resource.v1.ResourceClaimTemplate",
    other_versions=(
        OtherVersion("v1beta2", "io.k8s.api.resource.v1beta2.ResourceClaimTemplate"),
        OtherVersion("v1beta1", "io.k8s.api.resource.v1beta1.ResourceClaimTemplate"),
    ),
)
