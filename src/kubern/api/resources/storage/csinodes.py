"""CSINode: its facts, checks and columns."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import named, not_negative
from kubern.api.rules.device_names import driver_name
from kubern.api.rules.values import at, items
from kubern.api.structs import CSI_NODE_DRIVER, struct
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MAX_ID = 192


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a CSINode."""
    causes, seen = [], set()
    for i, driver in items(obj, "spec.drivers"):
        path, name = f"spec.drivers[{i}]", driver.get("name") or ""
        causes += driver_name(name, f"{path}.name") + _check_node_id(driver.get("nodeID") or "", f"{path}.nodeID")
        causes += not_negative(at(driver, "allocatable") or {}, "count", f"{path}.allocatable.")
        if name in seen:
            causes.append(field.duplicate(f"{path}.name", name))
        seen.add(name)
        causes += _check_topology(driver.get("topologyKeys") or [], path)
    return causes


def _check_node_id(node: str, path: str) -> list[Cause]:
    if not node:
        return [field.required(path, "")]
    return [field.invalid(path, node, f"must be {_MAX_ID} characters or less")] if len(node) > _MAX_ID else []


def _check_topology(keys: list[str], path: str) -> list[Cause]:
    causes = []
    for i, key in enumerate(keys):
        if not key:
            causes.append(field.required(path, ""))
        if key in keys[:i]:
            causes.append(field.duplicate(path, key))
        causes += named(key, path, names.qualified_name)
    return causes


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: a driver that stays, its capacity aside."""
    before = {driver.get("name"): driver for _, driver in items(old, "spec.drivers")}
    causes = []
    for _, driver in items(new, "spec.drivers"):
        was = before.get(driver.get("name"))
        if was is not None and any(driver.get(key) != was.get(key) for key in ("nodeID", "topologyKeys")):
            causes.append(field.invalid("spec.drivers", struct(driver, CSI_NODE_DRIVER), "field is immutable"))
    return causes


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column(
        "Drivers", lambda obj: len(at(obj, "spec.drivers") or ()), "How many drivers run there.", type="integer"
    ),
    cells.AGE,
)


RESOURCE = Resource(
    group="storage.k8s.io",
    version="v1",
    kind="CSINode",
    plural="csinodes",
    singular="csinode",
    namespaced=False,
    schema="io.k8s.api.storage.v1.CSINode",
    columns=COLUMNS,
    validate=validate,
    validate_update=validate_update,
)
