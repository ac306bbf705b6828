"""DeviceClass: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api import field
from kubern.api.podspec.check_resources import is_extended
from kubern.api.resource import OtherVersion, Resource
from kubern.api.rules.device_config import check_class_config
from kubern.api.rules.device_selectors import check_selectors
from kubern.api.rules.values import part
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a DeviceClass: how it chooses devices, their configuration, the resource it stands for."""
    spec = part(obj, "spec")
    causes = check_selectors(spec.get("selectors") or [], "spec.selectors")
    causes += check_class_config(spec.get("config") or [], "spec.config")
    extended = spec.get("extendedResourceName")
    if extended is not None and not is_extended(extended):
        message = "must be a valid extended resource name"
        causes.append(field.invalid("spec.extendedResourceName", extended, message))
    return causes


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
