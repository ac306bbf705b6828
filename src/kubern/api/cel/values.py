"""The values of expressions at run time.

`bool`, `int` (64 bits), `float`, `str`, `bytes`, `None`, `list` and `dict` stand for themselves; this adds what Python has no exact
type for. What always holds: values are never changed after they are made, and equality is CEL's (`equal`), which unlike Python's tells true
from 1 and compares numbers of different types by value.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import total_ordering
from typing import Any

from kubern.api.cel.errors import CelEvaluationError

INT_MIN, INT_MAX, UINT_MAX = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1


class UInt(int):
    """An unsigned 64-bit integer."""

    __slots__ = ()


@total_ordering
class Duration:
    """A length of time in nanoseconds."""

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        if not INT_MIN <= ns <= INT_MAX:
            raise CelEvaluationError("duration overflow")
        self.ns = ns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.ns == other.ns

    def __lt__(self, other: Duration) -> bool:
        return self.ns < other.ns

    def __hash__(self) -> int:
        return hash(("duration", self.ns))


@total_ordering
class Timestamp:
    """A point in time, nanoseconds since 1970 in UTC; years 1 to 9999."""

    __slots__ = ("ns",)
    FIRST, LAST = -62135596800 * 10**9, 253402300799 * 10**9 + 999999999

    def __init__(self, ns: int) -> None:
        if not self.FIRST <= ns <= self.LAST:
            raise CelEvaluationError("timestamp overflow")
        self.ns = ns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and self.ns == other.ns

    def __lt__(self, other: Timestamp) -> bool:
        return self.ns < other.ns

    def __hash__(self) -> int:
        return hash(("timestamp", self.ns))


class TypeValue:
    """What `type(x)` answers."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypeValue) and self.name == other.name

    def __hash__(self) -> int:
        return hash(("type", self.name))


class Optional:
    """A value that may be missing."""

    __slots__ = ("present", "value")

    def __init__(self, value: Any = None, *, present: bool = True) -> None:
        self.value = value
        self.present = present


NONE = Optional(present=False)


class SetList(list[Any]):
    """A list in which the order does not count (`x-kubernetes-list-type: set`)."""


class MapList(list[Any]):
    """A list of objects that `keys` tell apart and whose order does not count (`x-kubernetes-list-type: map`)."""

    keys: tuple[str, ...] = ()


class ObjectValue(dict[str, Any]):
    """An object that an expression wrote (`Object{…}`), with its type's name."""

    type_name = ""


_NAMES = {
    bool: "bool", int: "int", UInt: "uint", float: "double", str: "string", bytes: "bytes", type(None): "null_type",
    list: "list", SetList: "list", MapList: "list", dict: "map", Duration: "google.protobuf.Duration",
    Timestamp: "google.protobuf.Timestamp", TypeValue: "type", Optional: "optional_type",
}  # fmt: skip


def type_name(value: Any) -> str:
    """Return the name of a value's type as `type(value)` has it."""
    name = _NAMES.get(type(value))
    if name is None:
        name = getattr(value, "type_name", None) or ("map" if isinstance(value, Mapping) else "unknown")
    return name


_PLAIN = frozenset({int, str, bytes, UInt, Duration, Timestamp, TypeValue})


def equal(a: Any, b: Any) -> bool:
    """Say whether two values are equal: numbers by value whatever their types, otherwise only within one type."""
    kind, other = type(a), type(b)
    if kind is other:
        if kind in _PLAIN or kind is bool or kind is float:
            return bool(a == b)
        if a is None:
            return True
    if isinstance(a, list):
        return isinstance(b, list) and _equal_lists(a, b)
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and _equal_maps(a, b)
    if kind is Optional:
        return other is Optional and a.present == b.present and (not a.present or equal(a.value, b.value))
    if kind is bool or other is bool:
        return False
    return bool(a == b)


def _equal_lists(a: list[Any], b: list[Any]) -> bool:
    if len(a) != len(b):
        return False
    if isinstance(a, MapList):
        theirs = {key_of(item, a.keys): item for item in b}
        return all((key := key_of(item, a.keys)) in theirs and equal(item, theirs[key]) for item in a)
    if isinstance(a, SetList):
        return all(contains(b, item) for item in a)
    return all(map(equal, a, b))


def _equal_maps(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> bool:
    if len(a) != len(b):
        return False
    missing = object()
    return all((other := find(b, key, missing)) is not missing and equal(value, other) for key, value in a.items())


def key_of(item: Any, keys: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the values that tell an item of a map-like list apart."""
    return tuple(item.get(key) if isinstance(item, Mapping) else None for key in keys)


def contains(items: list[Any], wanted: Any) -> bool:
    """Say whether a list holds a value."""
    if type(wanted) is str:
        # the common case at C speed: no value of another type equals a string
        return wanted in items
    return any(equal(item, wanted) for item in items)


def find(mapping: Mapping[Any, Any], key: Any, default: Any) -> Any:
    """Return what a map holds under `key`. Keys that are numbers meet by value, but true is not 1."""
    value = mapping.get(key, default)
    if value is default or type(key) is str:
        return value
    if key in (0, 1) and not any(key == k and (type(k) is bool) == (type(key) is bool) for k in mapping):
        return default
    return value
