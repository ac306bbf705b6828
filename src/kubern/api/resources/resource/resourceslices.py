"""ResourceSlice: its facts, checks and columns."""

from __future__ import annotations

from collections.abc import Mapping

from kubern.api import field, names
from kubern.api.resource import Column, Conversion, OtherVersion, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable, named
from kubern.api.rules.devices import slice_from_v1beta1, slice_to_v1beta1
from kubern.api.rules.values import at, items, part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_WHERE = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a ResourceSlice."""
    spec = part(obj, "spec")
    driver = spec.get("driver") or ""
    causes = named(driver, "spec.driver", names.dns1123_subdomain) if driver else [field.required("spec.driver", "")]
    if not at(spec, "pool.name"):
        causes.append(field.required("spec.pool.name", ""))
    if sum(bool(spec.get(name)) for name in _WHERE) != 1:
        message = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
        causes.append(field.required("spec", message))
    seen = set()
    for i, device in items(spec, "devices"):
        name, path = device.get("name") or "", f"spec.devices[{i}].name"
        causes += named(name, path, names.dns1123_label)
        if name in seen:
            causes.append(field.duplicate(path, name))
        seen.add(name)
    return causes


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: whose devices these are."""
    return [
        cause
        for name in ("driver", "pool.name", "nodeName")
        for cause in immutable(at(new, f"spec.{name}"), at(old, f"spec.{name}"), f"spec.{name}")
    ]


def fields(obj: Obj) -> Mapping[str, str]:
    """Return the field selector's values."""
    return {f"spec.{name}": at(obj, f"spec.{name}") or "" for name in ("nodeName", "driver")}


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("Node", "spec.nodeName", "The node that has the devices.", missing=cells.UNSET),
    cells.text("Driver", "spec.driver", "The devices' driver."),
    cells.text("Pool", "spec.pool.name", "The pool that the slice is part of."),
    cells.AGE,
)


RESOURCE = Resource(
    group="resource.k8s.io",
    version="v1",
    kind="ResourceSlice",
    plural="resourceslices",
    singular="resourceslice",
    namespaced=False,
    schema="io.k8s.api.resource.v1.ResourceSlice",
    other_versions=(
        OtherVersion("v1beta2", "io.k8s.api.resource.v1beta2.ResourceSlice"),
        OtherVersion(
            "v1beta1", "io.k8s.api.resource.v1beta1.ResourceSlice", Conversion(slice_from_v1beta1, slice_to_v1beta1)
        ),
    ),
    generation=True,
    columns=COLUMNS,
    validate=validate,
    validate_update=validate_update,
    fields=fields,
)
