"""CSIStorageCapacity: its facts, checks and columns."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import NEGATIVE, immutable, named
from kubern.api.selectors import check_label_selector
from kubern.base.errors import Cause
from kubern.base.json import Obj
from kubern.base.quantity import canonical, parse


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a CSIStorageCapacity."""
    causes = check_label_selector(obj.get("nodeTopology"), "nodeTopology")
    causes += named(obj.get("storageClassName"), "storageClassName", names.dns1123_subdomain)
    if obj.get("capacity") is not None and parse(obj["capacity"]) < 0:
        causes.append(field.invalid("capacity", canonical(obj["capacity"]), NEGATIVE))
    return causes


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: where and of what the capacity is."""
    return [c for name in ("nodeTopology", "storageClassName") for c in immutable(new.get(name), old.get(name), name)]


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("StorageClassName", "storageClassName", "The class of the volumes that could be made."),
    cells.text("Capacity", "capacity", "How much there is.", missing=cells.UNSET),
)


RESOURCE = Resource(
    group="storage.k8s.io",
    version="v1",
    kind="CSIStorageCapacity",
    plural="csistoragecapacities",
    singular="csistoragecapacity",
    namespaced=True,
    schema="io.k8s.api.storage.v1.CSIStorageCapacity",
    columns=COLUMNS,
    validate=validate,
    validate_update=validate_update,
)
