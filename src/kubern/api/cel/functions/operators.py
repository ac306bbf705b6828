"""Operators: equality, order, arithmetic, membership and indexing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.library import Function, Library, overloads, size, tenth
from kubern.api.cel.values import (
    INT_MAX,
    INT_MIN,
    NONE,
    UINT_MAX,
    Duration,
    MapList,
    Optional,
    SetList,
    Timestamp,
    UInt,
    contains,
    equal,
    find,
    key_of,
    type_name,
)  # fmt: skip

_MISSING = object()


def _int(value: int, what: str = "integer overflow") -> int:
    if INT_MIN <= value <= INT_MAX:
        return value
    raise CelEvaluationError(what)


def _uint(value: int) -> UInt:
    if 0 <= value <= UINT_MAX:
        return UInt(value)
    raise CelEvaluationError("unsigned integer overflow")


def _divide_floats(a: float, b: float) -> float:
    if b:
        return a / b
    if math.isnan(a) or a == 0:
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _divide(a: int, b: int) -> int:
    if not b:
        raise CelEvaluationError("division by zero")
    # towards zero, exactly: no floats
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _remainder(a: int, b: int) -> int:
    if not b:
        raise CelEvaluationError("modulus by zero")
    return a - b * _divide(a, b)


def _multiply_floats(a: float, b: float) -> float:
    return a * b


def _join_lists(a: list[Any], b: list[Any]) -> list[Any]:
    """Join lists. A list that is a set or a map stays one: what is there already is kept in place, or replaced."""
    if isinstance(a, MapList):
        merged = {key_of(item, a.keys): item for item in a} | {key_of(item, a.keys): item for item in b}
        return type(a)(merged.values())
    if isinstance(a, SetList):
        joined = SetList(a)
        joined.extend(item for item in b if not contains(a, item))
        return joined
    return list(a) + list(b)


def _at(items: list[Any], index: Any) -> Any:
    if type(index) is float and index.is_integer():
        index = int(index)
    if isinstance(index, bool) or not isinstance(index, int):
        raise CelEvaluationError(f"unsupported index type '{type_name(index)}' in list")
    if 0 <= index < len(items):
        return items[index]
    raise CelEvaluationError(f"index out of bounds: {index}")


def _under(mapping: Mapping[Any, Any], key: Any) -> Any:
    found = find(mapping, key, _MISSING)
    if found is _MISSING:
        raise CelEvaluationError(f"no such key: {_shown(key)}")
    return found


def _shown(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _has(key: Any, mapping: Mapping[Any, Any]) -> bool:
    # a map may answer for keys that it does not hold, as the domains of a device do
    return key in mapping if type(key) is str else find(mapping, key, _MISSING) is not _MISSING


def _optional_at(items: list[Any], index: int) -> Optional:
    return Optional(items[index]) if 0 <= index < len(items) else NONE


def _optional_under(mapping: Mapping[Any, Any], key: Any) -> Optional:
    found = find(mapping, key, _MISSING)
    return NONE if found is _MISSING else Optional(found)


def _of_optional(index: Callable[[Any, Any], Any]) -> Function:
    def run(optional: Optional, key: Any) -> Optional:
        if not optional.present:
            return NONE
        inside = optional.value
        if isinstance(inside, list):
            return _optional_at(inside, key)
        if isinstance(inside, Mapping):
            return _optional_under(inside, key)
        raise CelEvaluationError("no such overload")

    return run


def _shorter(args: Sequence[Any], _result: Any) -> int:
    return tenth(min(size(args[0]), size(args[1])))


def _both(args: Sequence[Any], _result: Any) -> int:
    return tenth(size(args[0]) + size(args[1]))


def _second(args: Sequence[Any], _result: Any) -> int:
    return size(args[1])


def _comparisons() -> dict[str, Function]:
    numbers = [(a, b) for a in ("int", "uint", "double") for b in ("int", "uint", "double")]
    alike = [(name, name) for name in ("bool", "timestamp", "duration")]
    tests: dict[str, Function] = {
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }
    return {f"_{mark}_({a}, {b}): bool": run for mark, run in tests.items() for a, b in (*numbers, *alike)}


def _text_comparisons() -> dict[str, Function]:
    tests: dict[str, Function] = {
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }
    return {f"_{mark}_({name}, {name}): bool": run for mark, run in tests.items() for name in ("string", "bytes")}


_ARITHMETIC: dict[str, Function] = {
    "_+_(int, int): int": lambda a, b: _int(a + b),
    "_+_(uint, uint): uint": lambda a, b: _uint(int(a) + int(b)),
    "_+_(double, double): double": lambda a, b: a + b,
    "_+_(list(A), list(A)): list(A)": _join_lists,
    "_+_(timestamp, duration): timestamp": lambda a, b: Timestamp(a.ns + b.ns),
    "_+_(duration, timestamp): timestamp": lambda a, b: Timestamp(a.ns + b.ns),
    "_+_(duration, duration): duration": lambda a, b: Duration(a.ns + b.ns),
    "_-_(int, int): int": lambda a, b: _int(a - b),
    "_-_(uint, uint): uint": lambda a, b: _uint(int(a) - int(b)),
    "_-_(double, double): double": lambda a, b: a - b,
    "_-_(timestamp, timestamp): duration": lambda a, b: Duration(a.ns - b.ns),
    "_-_(timestamp, duration): timestamp": lambda a, b: Timestamp(a.ns - b.ns),
    "_-_(duration, duration): duration": lambda a, b: Duration(a.ns - b.ns),
    "_*_(int, int): int": lambda a, b: _int(a * b),
    "_*_(uint, uint): uint": lambda a, b: _uint(int(a) * int(b)),
    "_*_(double, double): double": _multiply_floats,
    "_/_(int, int): int": lambda a, b: _int(_divide(a, b)),
    "_/_(uint, uint): uint": lambda a, b: _uint(_divide(int(a), int(b))),
    "_/_(double, double): double": _divide_floats,
    "_%_(int, int): int": lambda a, b: _remainder(a, b),
    "_%_(uint, uint): uint": lambda a, b: _uint(_remainder(int(a), int(b))),
    "-_(int): int": lambda a: _int(-a),
    "-_(double): double": lambda a: -a,
    "!_(bool): bool": lambda a: not a,
}

LIBRARY = Library(
    "operators",
    (
        *overloads({"_==_(A, A): bool": equal, "_!=_(A, A): bool": lambda a, b: not equal(a, b)}, _shorter),
        *overloads(_text_comparisons(), _shorter),
        *overloads(_comparisons()),
        *overloads(
            {"_+_(string, string): string": lambda a, b: a + b, "_+_(bytes, bytes): bytes": lambda a, b: a + b}, _both
        ),
        *overloads(_ARITHMETIC),
        *overloads({"@in(A, list(A)): bool": lambda item, items: contains(items, item)}, _second),
        *overloads({"@in(A, map(A, B)): bool": _has}),
        *overloads({"_[_](list(A), int): A": _at, "_[_](map(A, B), A): B": _under}),
        *overloads({"_[_](optional_type(list(A)), int): optional_type(A)": _of_optional(_optional_at)}),
        *overloads({"_[_](optional_type(map(A, B)), A): optional_type(B)": _of_optional(_optional_under)}),
        *overloads({"_[?_](list(A), int): optional_type(A)": _optional_at}),
        *overloads({"_[?_](map(A, B), A): optional_type(B)": _optional_under}),
        *overloads({"_[?_](optional_type(list(A)), int): optional_type(A)": _of_optional(_optional_at)}),
        *overloads({"_[?_](optional_type(map(A, B)), A): optional_type(B)": _of_optional(_optional_under)}),
    ),
)
