"""JSON Patch (RFC 6902), applied to plain dicts.

Called for `application/json-patch+json`. Negative indices count from the end, as upstream's library has it. What always
holds: the document given is not changed, and neither is the patch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from kubern.api.schema.json_patch_checks import check_operations
from kubern.api.schema.patch_errors import PatchFailed, ValueNotFound

Operation = dict[str, Any]

MOST_COPIED = 3 * 1024 * 1024
"""Bytes that the `copy` operations of one patch may add; upstream's limit."""


def apply_json_patch(document: Any, operations: Any) -> Any:
    """Return the document with the operations applied in order; what they do not touch is shared with the original.

    Raises `MalformedPatch` for what is no JSON Patch, `PatchFailed` for an operation that cannot be applied.
    """
    check_operations(operations)
    copied = 0
    for operation in operations:
        if operation.get("op") == "copy":  # copies of copies double in size each time
            copied += _size(_get(document, _pointer(operation, "from"), "copy"))
            if copied > MOST_COPIED:
                raise PatchFailed(f"Unable to complete the copy, the accumulated size increase of copy is {copied}")
        document = _apply(document, operation)
    _size(document)
    return document


def _size(value: Any) -> int:
    try:
        return len(orjson.dumps(value))
    except orjson.JSONEncodeError as error:  # nested deeper than can be stored
        raise PatchFailed("exceeded max depth") from error


def _apply(document: Any, operation: Operation) -> Any:
    return _KINDS[operation["op"]](document, operation)


def _add(document: Any, operation: Operation) -> Any:
    return _put(document, _pointer(operation, "path"), _value(operation), "add")


def _replace(document: Any, operation: Operation) -> Any:
    path = _pointer(operation, "path")
    if not path:
        return _value(operation)
    parent = _get(document, path[:-1], "replace")
    try:
        _key(parent, path[-1], path, "replace")
    except PatchFailed as error:
        raise PatchFailed(
            f"replace operation does not apply: doc is missing key: /{'/'.join(path)}: missing value"
        ) from error
    return _change(document, path, "replace", _set(_value(operation)))


def _remove(document: Any, operation: Operation) -> Any:
    path = _pointer(operation, "path")
    if not path:
        raise PatchFailed("remove operation does not apply: the document itself cannot be removed")
    _get(document, path, "remove")

    def drop(parent: Any, key: Any) -> None:
        del parent[key]

    return _change(document, path, "remove", drop)


def _move(document: Any, operation: Operation) -> Any:
    source, target = _pointer(operation, "from"), _pointer(operation, "path")
    if len(source) < len(target) and target[: len(source)] == source:
        raise PatchFailed("move operation does not apply: a value cannot be moved into itself")
    value = _get(document, source, "move")
    return _put(_remove(document, {"path": operation["from"]}) if source else None, target, value, "move")


def _copy(document: Any, operation: Operation) -> Any:
    return _put(document, _pointer(operation, "path"), _get(document, _pointer(operation, "from"), "copy"), "copy")


def _test(document: Any, operation: Operation) -> Any:
    path, wanted = _pointer(operation, "path"), operation.get("value")
    try:
        found = _get(document, path, "test")
    except PatchFailed as error:
        if wanted is None:
            return document
        raise ValueNotFound(error.detail) from error
    if not same(found, wanted):
        raise ValueNotFound(f"testing value {operation['path']} failed: test failed")
    return document


_KINDS: dict[str, Callable[[Any, Operation], Any]] = {
    "add": _add, "replace": _replace, "remove": _remove, "move": _move, "copy": _copy, "test": _test,
}  # fmt: skip


def same(one: Any, other: Any) -> bool:
    """Compare JSON values: `1` is not `true`, though Python has them equal."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _value(operation: Operation) -> Any:
    if "value" not in operation:
        raise PatchFailed(f"{operation['op']} operation: missing value")
    return operation["value"]


def _pointer(operation: Operation, key: str) -> list[str]:
    text = operation.get(key)
    if not isinstance(text, str):
        raise PatchFailed(f"{operation.get('op')} operation: missing {key}")
    if text and not text.startswith("/"):
        raise PatchFailed(f"{operation.get('op')} operation does not apply: doc is missing path: {text}")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _get(document: Any, path: list[str], verb: str) -> Any:
    for depth, part in enumerate(path):
        document = document[_key(document, part, path[: depth + 1], verb)]
    return document


def _key(parent: Any, part: str, path: list[str], verb: str) -> Any:
    """Return the key or index of an existing member."""
    if isinstance(parent, dict) and part in parent:
        return part
    if isinstance(parent, list):
        index = _index(part, len(parent))
        if index is not None and index < len(parent):
            return index
    raise PatchFailed(f"{verb} operation does not apply: doc is missing path: /{'/'.join(path)}: missing value")


def _index(part: str, length: int) -> int | None:
    digits = part.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9:
        return None
    index = int(part)
    return index if index >= 0 else (length + index if length + index >= 0 else None)


def _set(value: Any) -> Callable[[Any, Any], None]:
    def change(parent: Any, key: Any) -> None:
        parent[key] = value

    return change


def _put(document: Any, path: list[str], value: Any, verb: str) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1], verb)
    if isinstance(parent, list):
        index = len(parent) if path[-1] == "-" else _index(path[-1], len(parent) + 1)
        if index is None or index > len(parent):
            raise PatchFailed(f"{verb} operation does not apply: invalid index referenced: /{'/'.join(path)}")
        place = index
        return _change(document, path, verb, lambda items, key: items.insert(place, value))
    if not isinstance(parent, dict):
        raise PatchFailed(f"{verb} operation does not apply: doc is missing path: /{'/'.join(path)}")
    return _change(document, path, verb, _set(value))


def _change(document: Any, path: list[str], verb: str, change: Callable[[Any, Any], None]) -> Any:
    """Copy the containers along the path, then let `change` work on the copy of the last one."""
    copied = parent = document.copy()
    for depth, part in enumerate(path[:-1]):
        key = _key(parent, part, path[: depth + 1], verb)
        parent[key] = parent = _again(parent[key])
    last: Any = path[-1]
    if isinstance(parent, list):
        last = _index(last, len(parent)) if last != "-" else len(parent)
    change(parent, last)
    return copied


def _again(value: Any) -> Any:
    return value.copy()
