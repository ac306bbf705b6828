"""The columns of a custom resource's Table, from `additionalPrinterColumns`.

Used by `declaration`. What always holds: a column whose path leads nowhere, or to a value of another type, is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson

from kubern.api.columns import ago
from kubern.api.jsonpath import Find, compile_path
from kubern.api.resource import Column
from kubern.api.rules.cells import AGE, NAME
from kubern.base.json import Obj

Show = Callable[[list[Any], datetime], Any]
"""Gives a cell's value for what a path found, which is not nothing."""


def columns_of(declared: Sequence[Obj]) -> tuple[Column, ...]:
    """Return NAME and the columns that a version declares; NAME and AGE when it declares none."""
    if not declared:
        return NAME, AGE._replace(type="date")
    return (NAME, *map(_column, declared))


_DESCRIPTION = "Custom resource definition column (in JSONPath format): "


def _column(declared: Obj) -> Column:
    kind = declared.get("type") or "string"
    return Column(
        declared.get("name") or "",
        _cell(compile_path(declared.get("jsonPath") or "."), kind),
        kind,
        declared.get("format") or "",
        declared.get("description") or _DESCRIPTION + (declared.get("jsonPath") or ""),
        declared.get("priority") or 0,
    )


def _cell(find: Find, kind: str) -> Callable[[Obj, datetime], Any]:
    show: Show = _SHOW.get(kind, _text)

    def cell(obj: Obj, now: datetime) -> Any:
        found = find(obj)
        return show(found, now) if found and found[0] is not None else None

    return cell


def _integer(found: list[Any], now: datetime) -> int | None:
    value = found[0]
    if isinstance(value, str):
        return int(value) if value.lstrip("-").isdigit() and value.isascii() else None
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(found: list[Any], now: datetime) -> float | None:
    value = found[0]
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _boolean(found: list[Any], now: datetime) -> bool | None:
    return found[0] if isinstance(found[0], bool) else None


def _date(found: list[Any], now: datetime) -> str:
    return ago(found[0] if isinstance(found[0], str) else None, now)


def _text(found: list[Any], now: datetime) -> str:
    return " ".join(_printed(value) for value in found)


def _printed(value: Any) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


_SHOW: dict[str, Show] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
}
