"""PriorityClass: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api import field
from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable, one_of
from kubern.api.rules.values import fill
from kubern.base.errors import Cause
from kubern.base.json import Obj

HIGHEST = 1_000_000_000
"""The highest value that a user may give; above are the system's own."""
SYSTEM_PREFIX = "system-"
SYSTEM = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_POLICIES = ("PreemptLowerPriority", "Never")


def default(obj: Obj) -> None:
    """Fill a PriorityClass: its pods may preempt."""
    fill(obj, preemptionPolicy="PreemptLowerPriority")


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a PriorityClass."""
    name, value, causes = obj["metadata"].get("name") or "", obj.get("value") or 0, []
    if name.startswith(SYSTEM_PREFIX):
        if SYSTEM.get(name) != value or obj.get("globalDefault"):
            message = "priority class names with 'system-' prefix are reserved for system use only. error: "
            causes.append(field.forbidden("metadata.name", message + _not_system(name, value)))
    elif value > HIGHEST:
        causes.append(field.forbidden("value", f"maximum allowed value of a user defined priority is {HIGHEST}"))
    return causes + one_of(obj, "preemptionPolicy", "", _POLICIES, needed=False)


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the value and the preemption policy."""
    causes = []
    if (new.get("value") or 0) != (old.get("value") or 0):
        causes.append(field.forbidden("value", "may not be changed in an update."))
    return causes + immutable(new.get("preemptionPolicy"), old.get("preemptionPolicy"), "preemptionPolicy")


def _not_system(name: str, value: int) -> str:
    if name not in SYSTEM:
        return f"{name} is not a known system priority class"
    if SYSTEM[name] != value:
        return f"value of {name} PriorityClass must be {SYSTEM[name]}"
    return f"globalDefault of {name} must be false"


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.number("Value", "value", "The priority of its pods."),
    cells.flag("Global-Default", "globalDefault", "Whether pods that name no class get it."),
    cells.AGE,
    cells.text("PreemptionPolicy", "preemptionPolicy", "Whether its pods may preempt others."),
)


RESOURCE = Resource(
    group="scheduling.k8s.io",
    version="v1",
    kind="PriorityClass",
    plural="priorityclasses",
    singular="priorityclass",
    namespaced=False,
    schema="io.k8s.api.scheduling.v1.PriorityClass",
    short_names=("pc",),
    generation=True,
    columns=COLUMNS,
    default=default,
    validate=validate,
    validate_update=validate_update,
)
