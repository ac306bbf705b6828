"""Strategic merge patch: a merge patch in which lists are merged by the keys that the schema names.

Called for `application/strategic-merge-patch+json`. Directives: `$patch` (replace, delete, merge), `$retainKeys`,
`$setElementOrder/<list>`, `$deleteFromPrimitiveList/<list>`. What always holds: neither object nor patch is changed;
results share what was not touched. Source: the Kubernetes API conventions on strategic merge patch.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import orjson

from kubern.api.schema import types
from kubern.api.schema.patch_errors import MalformedPatch, PatchFailed
from kubern.api.schema.types import Field, Type
from kubern.base.json import Obj

PATCH, RETAIN = "$patch", "$retainKeys"
ORDER, DELETE = "$setElementOrder/", "$deleteFromPrimitiveList/"


def apply_strategic(type: Type | None, original: Obj, patch: Obj) -> Obj:
    """Return the object with the patch merged in as `type` says (None: a type that nothing is known of).

    Raises `MalformedPatch` (400) or `PatchFailed` (422).
    """
    directive = patch.get(PATCH)
    if directive is not None:
        if directive == "delete":
            return {}
        if directive == "replace":
            return {key: value for key, value in patch.items() if key != PATCH}
        if directive != "merge":
            raise PatchFailed(f"unknown patch type: {directive} in map: {patch}")
    result = _retain(original, patch)
    for key, value in patch.items():
        if key.startswith(DELETE):
            _delete_values(result, key.removeprefix(DELETE), value)
    for key, value in patch.items():
        if key in (PATCH, RETAIN) or key.startswith((DELETE, ORDER)):
            continue
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge(*_field(type, key), result[key], value) if key in result else _plain(value)
    for key, value in patch.items():
        if key.startswith(ORDER):
            name = key.removeprefix(ORDER)
            _set_order(result, original, patch, name, value, _field(type, name)[1])
    return result


def _plain(value: Any) -> Any:
    """Return what a patch brings where nothing was before: itself, without nulls in its maps and without directives."""
    if isinstance(value, dict):
        return {
            k: _plain(v)
            for k, v in value.items()
            if v is not None and k not in (PATCH, RETAIN) and not k.startswith((DELETE, ORDER))
        }
    if isinstance(value, list):
        return [
            _plain(item)
            for item in value
            if not (isinstance(item, dict) and (item.get(PATCH) == "delete" or item == {PATCH: "replace"}))
        ]
    return value


def _field(type: Type | None, name: str) -> tuple[Type | None, Field | None]:
    """Return the type of a member, and for a struct's its field with the marks."""
    if type is None:
        return None, None
    if type.kind == types.STRUCT:
        field = type.fields.get(name)
        return (field.type, field) if field else (None, None)
    return (type.item, None) if type.kind == types.MAP else (None, None)


def _retain(original: Obj, patch: Obj) -> Obj:
    """Return a copy of the original, without what `$retainKeys` does not name."""
    if RETAIN not in patch:
        return dict(original)
    keys = patch[RETAIN]
    if not isinstance(keys, list):
        raise MalformedPatch("invalid patch format of retainKeys")
    for key in patch:
        if not key.startswith("$") and patch[key] is not None and key not in keys:
            raise MalformedPatch("invalid patch format of retainKeys")
    return {key: value for key, value in original.items() if key in keys}


def _delete_values(result: Obj, name: str, values: Any) -> None:
    if not isinstance(values, list):
        raise MalformedPatch("invalid patch format of primitive list")
    found = result.get(name)
    if isinstance(found, list):
        gone = set(positions(values, ""))
        result[name] = [item for item in found if identity(item, "") not in gone]


def _merge(type: Type | None, field: Field | None, original: Any, patch: Any) -> Any:
    if isinstance(patch, dict):
        if field is not None and "replace" in field.strategy:
            return patch
        return apply_strategic(type, original if isinstance(original, dict) else {}, patch)
    if isinstance(patch, list) and field is not None and "merge" in field.strategy:
        items = original if isinstance(original, list) else []
        return _merge_list(field, items, patch) if field.merge_key else _merge_values(items, patch)
    return patch


def _merge_values(original: list[Any], patch: list[Any]) -> list[Any]:
    merged = list(original)
    there = set(positions(original, ""))
    for value in patch:
        if isinstance(value, dict | list):
            raise PatchFailed("list element types are not identical")
        name = identity(value, "")
        if name not in there:
            there.add(name)
            merged.append(value)
    return _order(merged, original, patch, "")


def _merge_list(field: Field, original: list[Any], patch: list[Any]) -> list[Any]:
    key = field.merge_key
    plain: list[Obj] = []
    gone: set[Hashable] = set()
    replace = False
    for item in patch:
        if not isinstance(item, dict):
            raise PatchFailed("list element types are not identical")
        directive = item.get(PATCH)
        if directive is None:
            plain.append(item)
        elif directive == "delete":
            gone.add(_key_of(item, key))
        elif directive == "replace":
            replace = True
            if len(item) > 1:
                plain.append({name: value for name, value in item.items() if name != PATCH})
        elif directive == "merge":
            plain.append({name: value for name, value in item.items() if name != PATCH})
        else:
            raise PatchFailed(f"unknown patch type: {directive} in map: {item}")
    if replace:
        return plain
    merged = [item for item in original if identity(item, key) not in gone]
    places = positions(merged, key)
    for item in plain:
        name = _key_of(item, key)
        at = places.get(name)
        if at is None:
            places[name] = len(merged)
            merged.append(_plain(item))
        else:
            merged[at] = apply_strategic(field.type.item, merged[at], item)
    return _order(merged, original, plain, key)


def _key_of(item: Obj, key: str) -> Hashable:
    if key not in item:
        raise PatchFailed(f"map: {item} does not contain declared merge key: {key}")
    return identity(item, key)


def _set_order(result: Obj, original: Obj, patch: Obj, name: str, order: Any, field: Field | None) -> None:
    items = result.get(name)
    if not isinstance(order, list):
        raise MalformedPatch(f"invalid patch format of setElementOrder list: {name}")
    if not isinstance(items, list):
        return
    key = field.merge_key if field else ""
    given = [
        item
        for item in patch.get(name) or ()
        if not (isinstance(item, dict) and item.get(PATCH) in ("delete", "replace"))
    ]
    rank = positions(order, key)
    ranks = [rank.get(identity(item, key), -1) for item in given]
    if -1 in ranks or ranks != sorted(ranks):
        raise MalformedPatch(f"The order in patch list:\n{given}\n doesn't match {ORDER.rstrip('/')} list:\n{order}\n")
    before = original.get(name)
    result[name] = _order(items, before if isinstance(before, list) else [], order, key)


def _order(merged: list[Any], server: list[Any], wanted: list[Any], key: str) -> list[Any]:
    """Return the items with those of the patch in the patch's order, the others in the server's order, woven together.

    Upstream's rule: a server's item goes first only where the server had it before the patch's next item.
    """
    rank, place = positions(wanted, key), positions(server, key)
    named = [(identity(item, key), item) for item in merged]
    ours = sorted((pair for pair in named if pair[0] in rank), key=lambda pair: rank[pair[0]])
    theirs = [pair for pair in named if pair[0] not in rank]
    woven: list[Any] = []
    i = j = 0
    while i < len(theirs) and j < len(ours):
        if 0 <= place.get(theirs[i][0], -1) < place.get(ours[j][0], -1):
            woven.append(theirs[i][1])
            i += 1
        else:
            woven.append(ours[j][1])
            j += 1
    return woven + [item for _, item in theirs[i:]] + [item for _, item in ours[j:]]


def positions(items: list[Any], key: str) -> dict[Hashable, int]:
    """Return where each item first stands, by its identity."""
    found: dict[Hashable, int] = {}
    for index, item in enumerate(items):
        found.setdefault(identity(item, key), index)
    return found


def identity(item: Any, key: str) -> Hashable:
    """Return what tells an item of a merged list from the others: its merge key's value, or the whole of a primitive."""
    value = item[key] if key and isinstance(item, dict) and key in item else item
    if isinstance(value, dict | list):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return isinstance(value, bool), value  # 1 equals True in Python
