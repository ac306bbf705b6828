"""Label selectors as a query carries them: `app in (a,b),!old,tier!=x`, read symbol by symbol, refused in upstream's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from kubern.api import names
from kubern.base.errors import BadRequest

Test = Callable[[Mapping[str, str]], bool]

_SYMBOL = re.compile(r"\s*(==|!=|[=!(),<>]|[^\s=!(),<>]+|$)")
_SPECIAL = frozenset(("==", "!=", "=", "!", "(", ")", ",", "<", ">", ""))
_COMPARISONS = ("=", "==", "!=", ">", "<")


class Requirement(NamedTuple):
    """One term: a label's name, the operator (`exists`, `!`, `in`, `notin`, `=`, `==`, `!=`, `>`, `<`) and its values."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()


def requirements(text: str) -> list[Requirement]:
    """Return the terms of a selector. Raises `BadRequest` for what is none."""
    reader = _Reader([match[1] for match in _SYMBOL.finditer(text)])
    found: list[Requirement] = []
    while reader.next:
        if reader.next in _SPECIAL and reader.next != "!":
            raise BadRequest(f"found '{reader.next}', expected: !, identifier, or 'end of string'")
        try:
            found.append(_requirement(reader))
        except ValueError as error:
            raise BadRequest(f"unable to parse requirement: {error}") from error
        symbol = reader.take()
        if symbol == ",":
            if reader.next in _SPECIAL and reader.next != "!":
                raise BadRequest(f"found '{reader.next}', expected: identifier after ','")
        elif symbol:
            raise BadRequest(f"found '{symbol}', expected: ',' or 'end of string'")
    return found


class _Reader:
    """The symbols of a selector, one after the other; the end is an empty one."""

    def __init__(self, symbols: list[str]) -> None:
        self._symbols, self._at = symbols, 0

    @property
    def next(self) -> str:
        return self._symbols[self._at] if self._at < len(self._symbols) else ""

    def take(self) -> str:
        symbol = self.next
        self._at += 1
        return symbol


def _requirement(reader: _Reader) -> Requirement:
    absent = reader.next == "!"
    if absent:
        reader.take()
    key = reader.take()
    if key in _SPECIAL:
        raise ValueError(f"found '{key}', expected: identifier")
    _check(names.qualified_name(key), "<nil>", key)
    if absent:
        return Requirement(key, "!")
    if reader.next in ("", ","):
        return Requirement(key, "exists")
    operator = reader.take()
    if operator in ("in", "notin"):
        values = _values(reader)
    elif operator in _COMPARISONS:
        values = _value(reader)
    else:
        raise ValueError(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")
    for value in values:
        _check(names.label_value(value), f"values[0][{key}]", value)
        if operator in "<>" and number(value) is None:
            why = "for 'Gt', 'Lt' operators, the value must be an integer"
            raise ValueError(f'values[0]: Invalid value: "{value}": {why}')
    return Requirement(key, operator, values)


def _value(reader: _Reader) -> frozenset[str]:
    if reader.next in ("", ","):
        return frozenset(("",))
    value = reader.take()
    if value in _SPECIAL:
        raise ValueError(f"found '{value}', expected: identifier")
    return frozenset((value,))


def _values(reader: _Reader) -> frozenset[str]:
    symbol = reader.take()
    if symbol != "(":
        raise ValueError(f"found '{symbol}' expected: '('")
    if reader.next in _SPECIAL - {",", ")"}:
        raise ValueError(f"found '{reader.next}', expected: ',', ')' or identifier")
    found: list[str] = []
    value = ""
    while True:
        symbol = reader.take()
        if symbol in (",", ")"):
            found.append(value)
            value = ""
            if symbol == ")":
                return frozenset(found)
        elif symbol in _SPECIAL:
            raise ValueError(f"found '{symbol}', expected: ',', or identifier")
        elif value:
            raise ValueError(f"found '{symbol}', expected: ',' or ')'")
        else:
            value = symbol
            if reader.next not in (",", ")"):
                raise ValueError(f"found '{reader.next}', expected: ',' or ')'")


def number(text: str) -> int | None:
    """Return a label's value as the whole number that `>` and `<` compare, None if it is none."""
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else None


def _check(messages: list[str], path: str, value: str) -> None:
    if messages:
        raise ValueError(f'{path}: Invalid value: "{value}": {"; ".join(messages)}')
