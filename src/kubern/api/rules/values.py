"""Reading and filling JSON-shaped objects. Called by the resources' declarations; nothing here fails on a missing part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubern.base.json import Obj


def at(obj: Obj | None, path: str) -> Any:
    """Return the value at a dotted path (`spec.template.spec`), None where any part is missing."""
    value: Any = obj
    for part in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def part(obj: Obj, path: str) -> Obj:
    """Return the object at a dotted path, an empty one where it is missing (not linked into `obj`)."""
    return at(obj, path) or {}


def items(obj: Obj | None, path: str) -> Iterator[tuple[int, Any]]:
    """Yield the list at a dotted path with its indices; nothing where it is missing."""
    return enumerate(at(obj, path) or ())


def fill(obj: Obj, **values: Any) -> None:
    """Set each field that is missing or null: upstream's pointer fields."""
    for name, value in values.items():
        if obj.get(name) is None:
            obj[name] = value


def fill_empty(obj: Obj, **values: Any) -> None:
    """Set each field that is missing or has its zero value (0, "", []): upstream's plain fields."""
    for name, value in values.items():
        if not obj.get(name):
            obj[name] = value


def section(obj: Obj, name: str) -> Obj:
    """Return the object in a field, made empty there if it was missing or null."""
    if obj.get(name) is None:
        obj[name] = {}
    found: Obj = obj[name]
    return found
