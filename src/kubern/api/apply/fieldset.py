"""Sets of an object's fields, in the very form in which `fieldsV1` shows them: nested dicts.

A key is a path element: `f:name` a field, `k:{"name":"a"}` a list's item by its keys, `v:"x"` a set's item by its value, `i:0` an item
by its place. An empty dict is a member; a dict with children is one only if it has the key `.`. No set is ever changed in place:
every function returns a new one or shares parts of its arguments. The empty set as a whole is `{}`, and None below it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

Fields = dict[str, Any]
SELF = "."
DEEPEST = 100
"""Levels of a set that a client hands in."""


def is_member(node: Fields) -> bool:
    """Whether the place itself is in the set, not only something below it."""
    return not node or SELF in node


def union(left: Fields, right: Fields) -> Fields:
    """Return what is in either of two sets."""
    if left is right or not right:
        return left
    return _union(left, right) if left else right


def difference(left: Fields, right: Fields) -> Fields:
    """Return what is in the left set and not in the right one."""
    return _children(left, right, _difference)


def intersection(left: Fields, right: Fields) -> Fields:
    """Return what is in both sets."""
    out = {}
    for key, one in left.items():
        other = right.get(key)
        both = _intersection(one, other) if other is not None else None
        if both is not None:
            out[key] = both
    return out


def without(fields: Fields, *path: str) -> Fields:
    """Return the set without a place and everything below it."""
    first, *rest = path
    inner = fields.get(first)
    if inner is None:
        return fields
    kept = {key: value for key, value in fields.items() if key != first}
    if rest and inner:
        left = without(inner, *rest)
        if left:
            kept[first] = left
    return kept


def paths(fields: Fields, prefix: str = "") -> Iterator[str]:
    """Yield the members' paths as upstream prints them: `.spec.containers[name="web"].image`."""
    ordered = [(key, fields[key]) for key in sorted(fields) if key != SELF]
    for key, node in ordered:
        if is_member(node):
            yield prefix + element_text(key)
    for key, node in ordered:
        if node:
            yield from paths(node, prefix + element_text(key))


def element_text(element: str) -> str:
    """Return a path element as upstream prints it."""
    kind, text = element[:2], element[2:]
    if kind == "f:":
        return f".{text}"
    if kind == "k:":
        keys = orjson.loads(text)
        return "[" + ",".join(f"{key}={orjson.dumps(keys[key]).decode()}" for key in sorted(keys)) + "]"
    return f"[={text}]" if kind == "v:" else f"[{text}]"


def well_formed(fields: Any, depth: int = DEEPEST) -> bool:
    """Whether a value that a client handed in is a set of fields."""
    if not isinstance(fields, dict) or not depth:
        return False
    return all(_element_is_good(key) and well_formed(value, depth - 1) for key, value in fields.items())


def _element_is_good(element: str) -> bool:
    kind, text = element[:2], element[2:]
    if element == SELF or kind == "f:":
        return True
    if kind == "i:":
        return text.isascii() and text.isdigit()
    if kind not in ("k:", "v:"):
        return False
    try:
        value = orjson.loads(text)
    except ValueError:
        return False
    return kind == "v:" or (isinstance(value, dict) and bool(value))


def _union(left: Fields, right: Fields) -> Fields:
    """Return the union of two nodes, neither of which is absent."""
    if not left or not right:
        node = left or right
        return node if not node or SELF in node else {SELF: {}, **node}
    out = dict(left)
    for key, other in right.items():
        one = left.get(key)
        out[key] = other if one is None else _union(one, other)
    return out


def _difference(left: Fields, right: Fields) -> Fields | None:
    """Return what is left of a node, or None."""
    if not left:
        return None if is_member(right) else left
    out = _children(left, right, _difference)
    if SELF in left and is_member(right):
        out.pop(SELF, None)
    if not out:
        return None
    return {} if len(out) == 1 and SELF in out else out


def _children(left: Fields, right: Fields, operation: Any) -> Fields:
    out = {}
    for key, one in left.items():
        other = right.get(key)
        rest = one if other is None or key == SELF else operation(one, other)
        if rest is not None:
            out[key] = rest
    return out


def _intersection(left: Fields, right: Fields) -> Fields | None:
    member = is_member(left) and is_member(right)
    out = intersection(left, right) if left and right else {}
    out.pop(SELF, None)
    if member:
        return {SELF: {}, **out} if out else {}
    return out or None
