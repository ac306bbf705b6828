"""Kubernetes' lists library: order, sums and positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.library import Function, Library, overloads, size
from kubern.api.cel.values import INT_MAX, INT_MIN, UINT_MAX, Duration, UInt, equal

_ORDERED = ("int", "uint", "double", "bool", "string", "bytes", "timestamp", "duration")


def _is_sorted(items: list[Any]) -> bool:
    return all(a <= b for a, b in pairwise(items))


def _extreme(name: str, choose: Callable[[Any], Any]) -> Function:
    def run(items: list[Any]) -> Any:
        if not items:
            raise CelEvaluationError(f"{name} called on empty list")
        return choose(items)

    return run


def _sum_ints(items: list[int]) -> int:
    total = sum(items)
    if not INT_MIN <= total <= INT_MAX:
        raise CelEvaluationError("integer overflow")
    return total


def _sum_uints(items: list[int]) -> UInt:
    total = sum(map(int, items))
    if total > UINT_MAX:
        raise CelEvaluationError("unsigned integer overflow")
    return UInt(total)


def _index_of(items: list[Any], wanted: Any) -> int:
    return next((i for i, item in enumerate(items) if equal(item, wanted)), -1)


def _last_index_of(items: list[Any], wanted: Any) -> int:
    return next((i for i in range(len(items) - 1, -1, -1) if equal(items[i], wanted)), -1)


def _length(args: Sequence[Any], _result: Any) -> int:
    return size(args[0])


_TABLE: dict[str, Function] = {
    **{f"list({name}).isSorted(): bool": _is_sorted for name in _ORDERED},
    **{f"list({name}).min(): {name}": _extreme("min", min) for name in _ORDERED},
    **{f"list({name}).max(): {name}": _extreme("max", max) for name in _ORDERED},
    "list(int).sum(): int": _sum_ints,
    "list(uint).sum(): uint": _sum_uints,
    "list(double).sum(): double": lambda items: sum(items, 0.0),
    "list(duration).sum(): duration": lambda items: Duration(sum(item.ns for item in items)),
    "list(A).indexOf(A): int": _index_of,
    "list(A).lastIndexOf(A): int": _last_index_of,
}

LIBRARY = Library("lists", overloads(_TABLE, _length))
