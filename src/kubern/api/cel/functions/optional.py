"""Optional values. `or` and `orValue` look at their second argument only when they need it: `calls` runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.library import Library, overloads
from kubern.api.cel.values import NONE, Duration, Optional


def _value(optional: Optional) -> Any:
    if not optional.present:
        raise CelEvaluationError("optional.none() dereference")
    return optional.value


def _of_non_zero(value: Any) -> Optional:
    if value is None or (isinstance(value, bool | int | float | str | bytes | list | Mapping) and not value):
        return NONE
    return NONE if isinstance(value, Duration) and not value.ns else Optional(value)


def _unwrap(items: list[Any]) -> list[Any]:
    return [item.value for item in items if item.present]


LIBRARY = Library(
    "optional",
    overloads(
        {
            "optional.of(A): optional_type(A)": Optional,
            "optional.none(): optional_type(A)": lambda: NONE,
            "optional.ofNonZeroValue(A): optional_type(A)": _of_non_zero,
            "optional_type(A).hasValue(): bool": lambda optional: optional.present,
            "optional_type(A).value(): A": _value,
            "optional_type(A).or(optional_type(A)): optional_type(A)": lambda a, b: a if a.present else b,
            "optional_type(A).orValue(A): A": lambda a, b: a.value if a.present else b,
            "optional.unwrap(list(optional_type(A))): list(A)": _unwrap,
            "list(optional_type(A)).unwrapOpt(): list(A)": _unwrap,
        }
    ),
)
