"""What of an object's faults an update is answerable for: those in a part that it did not change are let pass.

Called by the declarations' update checks. What always holds: a fault in a value that was not there before, or was different, stays.
Source: KEP-4008, CRD validation ratcheting; items of a list are the same thing only where the list is a map with keys.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kubern.base.errors import Cause
from kubern.base.json import Obj

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_MISSING = object()


def still_wrong(causes: Sequence[Cause], new: Obj, old: Obj, schema: Obj) -> list[Cause]:
    """Return the causes of `new` that are not merely `old`'s faults kept."""
    return [cause for cause in causes if not _kept(cause, new, old, schema)]


def _kept(cause: Cause, new: Any, old: Any, schema: Obj) -> bool:
    """Whether the faulty value, or something that it is a part of, is as it was."""
    steps = [(int(index) if index else None, key) for index, key in _STEP.findall(cause.field)]
    if cause.reason == "FieldValueRequired":
        steps = steps[:-1]  # it is the parent that lacks something
    for index, key in steps:
        if index is not None:
            new, old = _item(new, old, index, schema)
            schema = schema.get("items") or {}
        else:
            new, old = _field(new, key), _field(old, key)
            schema = (schema.get("properties") or {}).get(key) or _values(schema)
        if new is _MISSING or old is _MISSING:
            return False
        if new == old:
            return True
    return False


def _values(schema: Obj) -> Obj:
    more = schema.get("additionalProperties")
    return more if isinstance(more, dict) else {}


def _field(value: Any, key: str) -> Any:
    return value.get(key, _MISSING) if isinstance(value, dict) else _MISSING


def _item(new: Any, old: Any, index: int, schema: Obj) -> tuple[Any, Any]:
    """Return an item and the one that it was, by the keys of a map-list; other lists' items have no past."""
    if not isinstance(new, list) or not isinstance(old, list) or schema.get("x-kubernetes-list-type") != "map":
        return _MISSING, _MISSING
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    item = new[index]
    wanted = [_field(item, key) for key in keys]
    return item, next((one for one in old if [_field(one, key) for key in keys] == wanted), _MISSING)
