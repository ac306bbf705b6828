"""IPAddress: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import OtherVersion, Resource

RESOURCE = Resource(
    group="networking.k8s.io",
    version="v1",
    kind="IPAddress",
    plural="ipaddresses",
    singular="ipaddress",
    namespaced=False,
    schema="io.k8s.api.networking.v1.IPAddress",
    other_versions=(OtherVersion("v1beta1", "io.k8s.api.networking.v1beta1.IPAddress"),),
    short_names=("ip",),
)
