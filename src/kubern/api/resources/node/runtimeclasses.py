"""RuntimeClass: its facts, checks and columns."""

from __future__ import annotations

from kubern.api import names
from kubern.api.metadata import check_labels
from kubern.api.podspec.check_resources import check_resources
from kubern.api.podspec.check_scheduling import check_tolerations
from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable, named
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a RuntimeClass."""
    causes = named(obj.get("handler"), "handler", names.dns1123_label)
    fixed = (obj.get("overhead") or {}).get("podFixed")
    causes += check_resources({"limits": fixed}, "overhead")  # upstream checks it as if they were limits
    scheduling = obj.get("scheduling") or {}
    causes += check_labels(scheduling.get("nodeSelector"), "scheduling.nodeSelector")
    return causes + check_tolerations(scheduling.get("tolerations") or [], "scheduling.tolerations")


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the handler."""
    return immutable(new.get("handler"), old.get("handler"), "handler")


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("Handler", "handler", "The container runtime's name for it."),
    cells.AGE,
)


RESOURCE = Resource(
    group="node.k8s.io",
    version="v1",
    kind="RuntimeClass",
    plural="runtimeclasses",
    singular="runtimeclass",
    namespaced=False,
    schema="io.k8s.api.node.v1.RuntimeClass",
    columns=COLUMNS,
    validate=validate,
    validate_update=validate_update,
)
