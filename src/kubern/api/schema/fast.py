"""The decoder's fast path: types compiled into nested closures that know no paths.

An object that is in order goes through once, is normalised in place (nulls and empty optional collections dropped,
quantities and times in upstream's form, as upstream's decode and encode would leave them) and costs no path strings.
Whatever is not in order raises `Odd`; the caller then lets `slow` find out what and where.

A checker is called with a value of its own Python class. It returns None to keep the value, `DROP` to leave the field out, or
another value to take its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from kubern.api.schema import types
from kubern.api.schema.scalars import ZEROS, read_bytes, read_micro_time, read_quantity, read_time
from kubern.api.schema.types import Field, Type
from kubern.base.json import Obj

Check = Callable[[Any], Any]
Rule = tuple[type, Check | None, Check]
"""How a value is checked: its usual Python class, the check for one of that class (None: nothing to check), and for one of another."""

DROP = object()

# what nearly every time looks like; days 29 to 31 and other years take the long way
_PLAIN_TIME = re.compile(
    r"[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII
)


class Odd(Exception):
    """Something is not as the schema has it."""


class Compiler:
    """Makes checkers of types, each once, when an object first has a field of it."""

    def __init__(self) -> None:
        self._structs: dict[str, Check] = {}

    def struct(self, type: Type) -> Check:
        """Return the checker of a struct."""
        if not type.name:
            return _struct(_Rules(type, self))
        check = self._structs.get(type.name)
        if check is None:
            check = self._structs[type.name] = _struct(_Rules(type, self))
        return check

    def rule(self, type: Type, keep_empty: bool = True) -> Rule:
        """Return how values of a type are checked; an optional field's list or map is dropped when it is empty."""
        if type.kind == types.STRUCT:
            return dict, self.struct(type), _refuse
        if type.kind == types.LIST:
            return list, _list(self.rule(type.item), _zero(type.item), keep_empty), _refuse
        if type.kind == types.MAP:
            return dict, _map(self.rule(type.item), _zero(type.item), keep_empty), _refuse
        if type.kind == types.BYTES and not keep_empty:
            return str, lambda text: _bytes(text) if text else DROP, _refuse
        return _SCALARS[type.kind]


class _Rules(dict[str, Rule]):
    """A struct's rules by field name, each made when it is first needed."""

    def __init__(self, type: Type, compiler: Compiler) -> None:
        super().__init__()
        self._type = type
        self._compiler = compiler

    def __missing__(self, key: str) -> Rule:
        field: Field | None = self._type.fields.get(key)
        if field is None:
            raise Odd
        rule = self[key] = self._compiler.rule(field.type, field.required)
        return rule


def _struct(rules: _Rules) -> Check:
    def check(obj: Obj) -> None:
        edits = None
        for key, value in obj.items():
            cls, inner, other = rules[key]
            if value.__class__ is cls:
                if inner is None:
                    continue
                result = inner(value)
            else:
                result = DROP if value is None else other(value)
            if result is not None:
                if edits is None:
                    edits = []
                edits.append((key, result))
        for key, result in edits or ():
            if result is DROP:
                del obj[key]
            else:
                obj[key] = result

    return check


def _list(rule: Rule, zero: Callable[[], Any], keep_empty: bool) -> Check:
    cls, inner, other = rule

    def check(items: list[Any]) -> Any:
        if not items:
            return None if keep_empty else DROP
        for index, value in enumerate(items):
            if value.__class__ is cls:
                if inner is None:
                    continue
                result = inner(value)
            else:
                result = zero() if value is None else other(value)
            if result is not None and result is not DROP:
                items[index] = result
        return None

    return check


def _map(rule: Rule, zero: Callable[[], Any], keep_empty: bool) -> Check:
    cls, inner, other = rule

    def check(entries: Obj) -> Any:
        if not entries:
            return None if keep_empty else DROP
        for key, value in entries.items():
            if value.__class__ is cls:
                if inner is None:
                    continue
                result = inner(value)
            else:
                result = zero() if value is None else other(value)
            if result is not None and result is not DROP:
                entries[key] = result  # the key is there already, so the size stays
        return None

    return check


def _zero(type: Type) -> Callable[[], Any]:
    """Return what makes upstream's reading of a null in a list or map: the zero value."""
    return ZEROS.get(type.kind, lambda: None)


def _refuse(value: Any) -> Any:
    raise Odd


def _keep(value: Any) -> None:
    return None


def _int32(value: int) -> None:
    if not -0x80000000 <= value <= 0x7FFFFFFF:
        raise Odd


def _int64(value: int) -> None:
    if not -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
        raise Odd


def _int_or_string(value: Any) -> None:
    if value.__class__ is not int:
        raise Odd
    _int32(value)


def _number(value: Any) -> None:
    if value.__class__ is not int:
        raise Odd


def _normal(read: Callable[[Any], str | None]) -> Check:
    """Return a check that replaces a value by its normal form."""

    def check(value: Any) -> Any:
        try:
            normal = read(value)
        except ValueError as error:
            raise Odd from error
        if normal is None:
            return DROP
        return normal if normal != value else None

    return check


_long_way = _normal(read_time)
_bytes = _normal(read_bytes)
_quantity = _normal(read_quantity)


def _time(text: str) -> Any:
    return None if _PLAIN_TIME.fullmatch(text) else _long_way(text)


_SCALARS: dict[str, Rule] = {
    types.STRING: (str, None, _refuse),
    types.BOOL: (bool, None, _refuse),
    types.INT32: (int, _int32, _refuse),
    types.INT64: (int, _int64, _refuse),
    types.NUMBER: (float, None, _number),
    types.TIME: (str, _time, _refuse),
    types.MICRO_TIME: (str, _normal(read_micro_time), _refuse),
    types.QUANTITY: (str, _quantity, _quantity),
    types.INT_OR_STRING: (str, None, _int_or_string),
    types.BYTES: (str, _bytes, _refuse),
    types.ANY: (dict, None, _keep),
}
