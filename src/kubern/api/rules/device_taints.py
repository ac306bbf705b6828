"""Taints of devices, what tolerates them, and conditions that binding waits for (resource.k8s.io). Wording is upstream's."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.rules.checks import named, one_of
from kubern.api.rules.device_names import bounded
from kubern.base.errors import Cause
from kubern.base.json import Obj

MAX_TAINTS = MAX_TOLERATIONS = 16
_MAX_CONDITIONS = 4
_EFFECTS = ("NoExecute", "NoSchedule", "None")


def check_taint(taint: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a taint."""
    causes = named(taint.get("key"), f"{path}.key", names.qualified_name)
    causes += named(taint.get("value"), f"{path}.value", names.label_value)
    return causes + one_of(taint, "effect", f"{path}.", _EFFECTS)


def check_toleration(toleration: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a toleration."""
    key, value, operator = (toleration.get(name) or "" for name in ("key", "value", "operator"))
    causes = named(key, f"{path}.key", names.qualified_name) if key else []
    if operator == "Exists" and value:
        causes.append(field.invalid(f"{path}.value", value, "must be empty for operator `Exists`"))
    elif operator == "Equal":
        causes += named(value, f"{path}.value", names.label_value)
    causes += one_of(toleration, "operator", f"{path}.", ("Equal", "Exists"))
    return causes + one_of(toleration, "effect", f"{path}.", _EFFECTS, needed=False)


def check_binding(holder: Obj, path: str) -> list[Cause]:
    """Return what is wrong with the conditions that a device's binding waits for, and those that end it."""
    wanted, ends = holder.get("bindingConditions") or [], holder.get("bindingFailureConditions") or []
    causes: list[Cause] = []
    for name, conditions in (("bindingConditions", wanted), ("bindingFailureConditions", ends)):
        causes += bounded(conditions, _MAX_CONDITIONS, f"{path}.{name}", _condition, str)
    for i, condition in enumerate(ends):
        if condition in wanted:
            message = "bindingFailureConditions must not overlap with bindingConditions"
            causes.append(field.invalid(f"{path}.bindingFailureConditions[{i}]", condition, message))
    if bool(wanted) != bool(ends):
        there, missing = ("bindingConditions", "bindingFailureConditions")[:: 1 if wanted else -1]
        causes.append(field.invalid(f"{path}.{missing}", None, f"{missing} are required to use {there}"))
    return causes


def _condition(name: str, path: str) -> list[Cause]:
    return named(name, path, names.qualified_name)
