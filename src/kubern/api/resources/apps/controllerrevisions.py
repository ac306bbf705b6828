"""ControllerRevision: its facts, checks and columns."""

from __future__ import annotations

from kubern.api import field
from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable, not_negative
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a ControllerRevision."""
    causes = [field.required("data", "data is mandatory")] if obj.get("data") is None else []
    return causes + not_negative(obj, "revision", "")


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the data."""
    return immutable(new.get("data"), old.get("data"), "data")


def _controller(obj: Obj) -> str:
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            group = owner["apiVersion"].rpartition("/")[0]
            return f"{owner['kind'].lower()}{'.' + group if group else ''}/{owner['name']}"
    return cells.NONE


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column("Controller", _controller, "Who made the revision."),
    cells.number("Revision", "revision", "The revision's number."),
    cells.AGE,
)

RESOURCE = Resource(
    group="apps",
    version="v1",
    kind="ControllerRevision",
    plural="controllerrevisions",
    singular="controllerrevision",
    namespaced=True,
    schema="io.k8s.api.apps.v1.ControllerRevision",
    columns=COLUMNS,
    validate=validate,
    validate_update=validate_update,
)
