"""CSINode: its facts, checks and columns."""

from __future__ import annotations

from kubern.api import field
from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.values import at, items
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a CSINode."""
    causes, seen = [], set()
    for i, driver in items(obj, "spec.drivers"):
        path, name = f"spec.drivers[{i}]", driver.get("name") or ""
        causes += [field.required(f"{path}.{key}", "") for key in ("name", "nodeID") if not driver.get(key)]
        if name in seen:
            causes.append(field.duplicate(f"{path}.name", name))
        seen.add(name)
        count = at(driver, "allocatable.count")
        if count is not None and count < 0:
            causes.append(field.invalid(f"{path}.allocatable.count", count, "must be greater than or equal to 0"))
    return causes


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: a driver that stays, its capacity aside."""
    before = {driver.get("name"): driver for _, driver in items(old, "spec.drivers")}
    causes = []
    for i, driver in items(new, "spec.drivers"):
        was = before.get(driver.get("name"))
        if was is not None and any(driver.get(key) != was.get(key) for key in ("nodeID", "topologyKeys")):
            causes.append(field.invalid(f"spec.drivers[{i}]", driver, "field is immutable"))
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
