"""Each item of a set, or of a map-list by its keys, stands once: checked when all else of an object has been, as upstream does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from kubern.api import field
from kubern.api.schema.structural_values import Check
from kubern.base.errors import Cause
from kubern.base.json import Obj


def lists_check(schema: Obj) -> Check | None:
    """Return the check of all lists below a schema; None where none has a kind to hold to."""
    fields = {key: found for key, one in (schema.get("properties") or {}).items() if (found := lists_check(one))}
    more, items = schema.get("additionalProperties"), schema.get("items")
    other = lists_check(more) if isinstance(more, dict) else None
    item = lists_check(items) if isinstance(items, dict) else None
    own = _once(schema)
    if not fields and other is None and item is None and own is None:
        return None

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if isinstance(value, list):
            if own is not None:
                own(value, path, causes)
            for index, one in enumerate(value):
                if item is not None:
                    item(one, f"{path}[{index}]", causes)
        elif isinstance(value, dict):
            for key, one in value.items():
                below = fields.get(key, other)
                if below is not None:
                    below(one, f"{path}.{key}" if path else key, causes)

    return check


def _once(schema: Obj) -> Callable[[list[Any], str, list[Cause]], None] | None:
    kind, keys = schema.get("x-kubernetes-list-type"), tuple(schema.get("x-kubernetes-list-map-keys", ()))
    if kind not in ("set", "map"):
        return None
    defaults = {key: one["default"] for key, one in _item_properties(schema).items() if "default" in one}

    def check(value: list[Any], path: str, causes: list[Cause]) -> None:
        seen: dict[bytes, int] = {}
        for index, item in enumerate(value):
            named = {key: item.get(key, defaults.get(key)) for key in keys} if keys and isinstance(item, dict) else item
            identity = orjson.dumps(named, option=orjson.OPT_SORT_KEYS)
            seen[identity] = seen.get(identity, 0) + 1
            if seen[identity] == 2:  # told once, however often it stands there
                causes.append(field.duplicate(f"{path}[{index}]", named))

    return check


def _item_properties(schema: Obj) -> Obj:
    items = schema.get("items")
    properties: Obj = items.get("properties", {}) if isinstance(items, dict) else {}
    return properties
