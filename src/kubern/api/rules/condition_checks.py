"""What may stand in the `conditions` of a status that has upstream's common form. Called by checks of status updates."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.rules.checks import named
from kubern.base.errors import Cause
from kubern.base.json import Obj

_STATUSES = ("False", "True", "Unknown")
_MAX_REASON, _MAX_MESSAGE = 1024, 32 * 1024


def check_conditions(conditions: list[Obj], path: str) -> list[Cause]:
    """Return what is wrong with conditions: each of a type of its own, with a time and a reason."""
    causes: list[Cause] = []
    seen: set[str] = set()
    for i, condition in enumerate(conditions):
        here, kind = f"{path}[{i}]", condition.get("type") or ""
        if kind in seen:
            causes.append(field.duplicate(f"{here}.type", kind))
        seen.add(kind)
        causes += _check(condition, here)
    return causes


def _check(condition: Obj, path: str) -> list[Cause]:
    causes = named(condition.get("type"), f"{path}.type", names.qualified_name)
    status, reason = condition.get("status") or "", condition.get("reason") or ""
    if status not in _STATUSES:
        causes.append(field.not_supported(f"{path}.status", status, _STATUSES))
    generation = condition.get("observedGeneration") or 0
    if generation < 0:
        causes.append(field.invalid(f"{path}.observedGeneration", generation, "must be greater than or equal to zero"))
    if not condition.get("lastTransitionTime"):
        causes.append(field.required(f"{path}.lastTransitionTime", "must be set"))
    if not reason:
        causes.append(field.required(f"{path}.reason", "must be set"))
    else:
        causes += named(reason, f"{path}.reason", names.condition_reason)
        if len(reason) > _MAX_REASON:
            causes.append(field.too_long(f"{path}.reason", _MAX_REASON))
    if len(condition.get("message") or "") > _MAX_MESSAGE:
        causes.append(field.too_long(f"{path}.message", _MAX_MESSAGE))
    return causes
