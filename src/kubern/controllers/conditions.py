"""Status conditions as lists of dicts: setting and removing one gives a new list. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kubern.base.clock import rfc3339
from kubern.base.json import Obj


def find(conditions: Sequence[Obj] | None, kind: str) -> Obj | None:
    """Return the condition of a type, or None."""
    return next((each for each in conditions or () if each["type"] == kind), None)


def without(conditions: Sequence[Obj] | None, kind: str) -> list[Obj]:
    """Return the other conditions."""
    return [each for each in conditions or () if each["type"] != kind]


def changed(conditions: Sequence[Obj] | None, new: Obj, now: datetime) -> list[Obj]:
    """Return the conditions with `new` (type, status, reason, message) in its place; equal ones stay as they are.

    `lastTransitionTime` moves only when the status does.
    """
    old = find(conditions, new["type"])
    if old is not None and all(old.get(name) == value for name, value in new.items()):
        return list(conditions or ())
    same = old is not None and old["status"] == new["status"]
    stamp = old["lastTransitionTime"] if old is not None and same and old.get("lastTransitionTime") else rfc3339(now)
    made = new | {"lastTransitionTime": stamp}
    if old is None:
        return [*(conditions or ()), made]
    return [made if each["type"] == new["type"] else each for each in conditions or ()]
