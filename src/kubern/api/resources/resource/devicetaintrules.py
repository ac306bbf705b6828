"""DeviceTaintRule: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, OtherVersion, Resource

RESOURCE = Resource(
    group="resource.k8s.io",
    version="v1beta2",
    kind="DeviceTaintRule",
    plural="devicetaintrules",
    singular="devicetaintrule",
    namespaced=False,
    schema="io.k8s.api.resource.v1beta2.DeviceTaintRule",
    other_versions=(OtherVersion("v1alpha3", "io.k8s.api.resource.v1alpha3.DeviceTaintRule"),),
    subresources=(STATUS,),
    generation=True,
)
