"""ResourceSlice: its facts, checks and columns."""

from __future__ import annotations

from collections.abc import Mapping

from kubern.api import field
from kubern.api.resource import Column, Conversion, OtherVersion, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable
from kubern.api.rules.device_names import driver_name, pool_name
from kubern.api.rules.device_slices import check_devices, check_place
from kubern.api.rules.devices import slice_from_v1beta1, slice_to_v1beta1
from kubern.api.rules.values import at, part
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a ResourceSlice."""
    spec = part(obj, "spec")
    pool = part(spec, "pool")
    causes = driver_name(spec.get("driver"), "spec.driver") + pool_name(pool.get("name"), "spec.pool.name")
    count, generation = pool.get("resourceSliceCount") or 0, pool.get("generation") or 0
    if count <= 0:
        causes.append(field.invalid("spec.pool.resourceSliceCount", count, "must be greater than zero"))
    if generation < 0:
        causes.append(field.invalid("spec.pool.generation", generation, "must be greater than or equal to zero"))
    return causes + check_place(spec, "spec") + check_devices(spec)


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
