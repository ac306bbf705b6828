"""VolumeAttributesClass: its facts, checks and columns."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import Column, OtherVersion, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import given, named
from kubern.api.rules.class_parameters import check_parameters
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a VolumeAttributesClass."""
    causes = given(obj, "driverName", "")
    if obj.get("driverName"):
        causes += named(obj["driverName"].lower(), "driverName", names.qualified_name)
    return causes + check_parameters(obj.get("parameters") or {}, empty=False)


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the driver and its parameters."""
    return [
        field.forbidden(name, f"updates to {name} are forbidden.")
        for name in ("driverName", "parameters")
        if new.get(name) != old.get(name)
    ]


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("DriverName", "driverName", "The driver that the attributes are for."),
    cells.AGE,
)


RESOURCE = Resource(
    group="storage.k8s.io",
    version="v1",
    kind="VolumeAttributesClass",
    plural="volumeattributesclasses",
    singular="volumeattributesclass",
    namespaced=False,
    schema="io.k8s.api.storage.v1.VolumeAttributesClass",
    other_versions=(OtherVersion("v1beta1", "io.k8s.api.storage.v1beta1.VolumeAttributesClass"),),
    short_names=("vac",),
    columns=COLUMNS,
    validate=validate,
    validate_update=validate_update,
)
