"""CEL's sets library: lists compared without regard to order and repetition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubern.api.cel.library import Library, overloads, size
from kubern.api.cel.values import contains


def _contains(items: list[Any], part: list[Any]) -> bool:
    return all(contains(items, item) for item in part)


def _product(args: Sequence[Any], _result: Any) -> int:
    return max(size(args[0]) * size(args[1]), 1)


LIBRARY = Library(
    "sets",
    overloads(
        {
            "sets.contains(list(A), list(A)): bool": _contains,
            "sets.equivalent(list(A), list(A)): bool": lambda a, b: _contains(a, b) and _contains(b, a),
            "sets.intersects(list(A), list(A)): bool": lambda a, b: any(contains(b, item) for item in a),
        },
        _product,
    ),
)
