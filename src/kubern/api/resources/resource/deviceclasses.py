"""DeviceClass: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import OtherVersion, Resource
from kubern.api.rules.device_selectors import check_selectors
from kubern.api.rules.values import at
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a DeviceClass: with how it chooses devices."""
    return check_selectors(at(obj, "spec.selectors") or [], "spec.selectors")


RESOURCE = Resource(
    group="resource.k8s.io",
    version="v1",
    kind="DeviceClass",
    plural="deviceclasses",
    singular="deviceclass",
    namespaced=False,
    schema="io.k8s.api.resource.v1.DeviceClass",
    other_versions=(
        OtherVersion("v1beta2", "io.k8s.api.resource.v1beta2.DeviceClass"),
        OtherVersion("v1beta1", "io.k8s.api.resource.v1beta1.DeviceClass"),
    ),
    generation=True,
    validate=validate,
)
