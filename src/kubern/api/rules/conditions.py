"""The conditions in a status: made, found and put in. What always holds: nothing that is handed in is changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kubern.base.clock import rfc3339
from kubern.base.json import Obj


def condition(kind: str, holds: bool, reason: str, message: str, now: datetime) -> Obj:
    """Return a condition that changed `now`."""
    return {
        "type": kind,
        "status": "True" if holds else "False",
        "lastTransitionTime": rfc3339(now),
        "reason": reason,
        "message": message,
    }


def find(status: Obj, kind: str) -> Obj:
    """Return a status's condition of a kind; an empty one when it has none."""
    conditions: Sequence[Obj] = status.get("conditions") or ()
    return next((one for one in conditions if one.get("type") == kind), {})


def with_condition(status: Obj, new: Obj) -> Obj:
    """Return a copy of a status with a condition put in; one whose status stays keeps its time."""
    conditions = list(status.get("conditions") or ())
    for index, old in enumerate(conditions):
        if old.get("type") == new["type"]:
            if old.get("status") == new["status"]:
                new = new | {"lastTransitionTime": old.get("lastTransitionTime")}
            conditions[index] = new
            return status | {"conditions": conditions}
    return status | {"conditions": [*conditions, new]}
