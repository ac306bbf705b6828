"""Making a strategic merge patch out of two objects, as `kubectl` does, so that applying it to the first gives the second."""

from __future__ import annotations

from typing import Any

from kubern.api.schema import types
from kubern.api.schema.json_patch import same
from kubern.api.schema.strategic import DELETE, ORDER, PATCH, RETAIN, identity, positions
from kubern.api.schema.types import Field, Type
from kubern.base.json import Obj


def create_strategic(type: Type | None, old: Obj, new: Obj) -> Obj:
    """Return the patch that turns `old` into `new`; neither may hold nulls, which such a patch cannot set."""
    patch: Obj = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if key in old and same(before, value):
            continue
        field = type.fields.get(key) if type is not None and type.kind == types.STRUCT else None
        if isinstance(before, dict) and isinstance(value, dict):
            patch[key] = _map(field, before, value, _member(type, key))
        elif isinstance(before, list) and isinstance(value, list) and field is not None and "merge" in field.strategy:
            _list(patch, field, before, value)
        elif isinstance(value, list) and field is not None and field.merge_key:
            patch[key] = [{PATCH: "replace"}, *value]
        else:
            patch[key] = value
    return patch


def _member(type: Type | None, key: str) -> Type | None:
    if type is None:
        return None
    if type.kind == types.STRUCT:
        return type.fields[key].type if key in type.fields else None
    return type.item if type.kind == types.MAP else None


def _map(field: Field | None, before: Obj, value: Obj, type: Type | None) -> Obj:
    if field is not None and "replace" in field.strategy:
        return value
    patch = create_strategic(type, before, value)
    if field is not None and "retainKeys" in field.strategy:
        patch = {key: one for key, one in patch.items() if one is not None} | {RETAIN: sorted(value)}
    return patch


def _list(patch: Obj, field: Field, before: list[Any], value: list[Any]) -> None:
    name = field.name
    if not field.merge_key:
        old_values, new_values = positions(before, ""), positions(value, "")
        gone = [item for item in before if identity(item, "") not in new_values]
        if gone:
            patch[DELETE + name] = gone
        added = [item for item in value if identity(item, "") not in old_values]
        if added:
            patch[name] = added
        patch[ORDER + name] = value
        return
    old, new = _by_key(before, field.merge_key), _by_key(value, field.merge_key)
    if old is None or new is None:  # without a key of its own for every item, the list can only be replaced
        patch[name] = [{PATCH: "replace"}, *value]
        return
    items: list[Obj] = []
    for key, item in new.items():
        if key not in old:
            items.append(item)
        elif not same(old[key], item):
            changes = _item(field, old[key], item)
            items.append({field.merge_key: item[field.merge_key]} | changes)
    items += [{field.merge_key: item[field.merge_key], PATCH: "delete"} for key, item in old.items() if key not in new]
    if items:
        patch[name] = items
    patch[ORDER + name] = [{field.merge_key: item[field.merge_key]} for item in value]


def _item(field: Field, before: Obj, value: Obj) -> Obj:
    changes = create_strategic(field.type.item, before, value)
    if "retainKeys" in field.strategy:
        changes = {key: one for key, one in changes.items() if one is not None} | {RETAIN: sorted(value)}
    return changes


def _by_key(items: list[Any], key: str) -> dict[Any, Obj] | None:
    """Return the items by their merge key, or None when one lacks it or two share it."""
    found: dict[Any, Obj] = {}
    for item in items:
        value = item.get(key) if isinstance(item, dict) else None
        if not isinstance(value, str | int) or value in found:
            return None
        found[value] = item
    return found
