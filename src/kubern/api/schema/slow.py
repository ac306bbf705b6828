"""The decoder's slow path: the same walk as `fast`, with paths, for objects that are not in order.

Names the first value of a wrong type in upstream's words, lists the unknown fields with their paths and takes them out,
and normalises as the fast path does. Objects are changed in place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubern.api.schema import types
from kubern.api.schema.scalars import ZEROS, read_bytes, read_micro_time, read_quantity, read_time
from kubern.api.schema.types import Type
from kubern.base.json import Obj

MOST_UNKNOWN = 100
"""Unknown fields that are reported; upstream stops there too."""

_INTEGER_BITS = {types.INT32: 31, types.INT64: 63, types.INT_OR_STRING: 31}
_READERS = {types.TIME: read_time, types.MICRO_TIME: read_micro_time, types.BYTES: read_bytes}
DROP = object()


class WrongType(ValueError):
    """A value that cannot be decoded, in the words of upstream's decoder."""


class _Place(NamedTuple):
    """Where the walk is: the path as upstream writes it for strict decoding (`spec.containers[0].name`), and for type errors
    the field names alone (`spec.containers.name`) with the struct that holds the field."""

    path: str = ""
    names: str = ""
    struct: str = ""

    def field(self, name: str, struct: str) -> _Place:
        return _Place(
            f"{self.path}.{name}" if self.path else name, f"{self.names}.{name}" if self.names else name, struct
        )

    def at(self, number: int) -> _Place:
        return self._replace(path=f"{self.path}[{number}]")

    def key(self, name: str) -> _Place:
        return self._replace(path=f"{self.path}.{name}")


class Walk:
    """One walk over one object; `unknown` fills with the paths of unknown fields, in the order in which they stand."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def run(self, type: Type, obj: Obj) -> None:
        """Normalise `obj`. Raises `WrongType`."""
        self._struct(type, obj, _Place())

    def _value(self, type: Type, value: Any, place: _Place, keep_empty: bool) -> Any:
        """Return the value to keep, or `DROP`."""
        kind = type.kind
        if kind == types.ANY:
            return value
        if kind == types.STRUCT:
            return self._struct(type, value, place)
        if kind == types.LIST:
            if not isinstance(value, list):
                raise _mismatch(value, type, place)
            return self._list(type, value, place) if value or keep_empty else DROP
        if kind == types.MAP:
            if not isinstance(value, dict):
                raise _mismatch(value, type, place)
            return self._map(type, value, place) if value or keep_empty else DROP
        return _scalar(type, value, place, keep_empty)

    def _struct(self, type: Type, obj: Any, place: _Place) -> Any:
        if not isinstance(obj, dict):
            raise _mismatch(obj, type, place)
        for name in list(obj):
            field = type.fields.get(name)
            here = place.field(name, type.short_name)
            if field is None:
                if len(self.unknown) < MOST_UNKNOWN:
                    self.unknown.append(here.path)
                del obj[name]
                continue
            value = DROP if obj[name] is None else self._value(field.type, obj[name], here, field.required)
            if value is DROP:
                del obj[name]
            else:
                obj[name] = value
        return obj

    def _list(self, type: Type, items: list[Any], place: _Place) -> Any:
        for index, value in enumerate(items):
            items[index] = self._element(type.item, value, place.at(index))
        return items

    def _map(self, type: Type, entries: Obj, place: _Place) -> Any:
        for key, value in entries.items():
            entries[key] = self._element(type.item, value, place.key(key))
        return entries

    def _element(self, type: Type, value: Any, place: _Place) -> Any:
        if value is None:
            return ZEROS.get(type.kind, lambda: None)()
        kept = self._value(type, value, place, keep_empty=True)
        return value if kept is DROP else kept


def _scalar(type: Type, value: Any, place: _Place, keep_empty: bool) -> Any:
    kind = type.kind
    try:
        if kind == types.QUANTITY:
            return read_quantity(value)
        if kind in _READERS and isinstance(value, str):
            if kind == types.BYTES and not value and not keep_empty:
                return DROP
            normal = _READERS[kind](value)
            return DROP if normal is None else normal
    except ValueError as error:
        raise WrongType(str(error)) from error
    if not _fits(kind, value):
        raise _mismatch(value, type, place)
    return value


def _fits(kind: str, value: Any) -> bool:
    if isinstance(value, str):
        return kind in (types.STRING, types.INT_OR_STRING)
    if isinstance(value, bool):
        return kind == types.BOOL
    if isinstance(value, int):
        bits = _INTEGER_BITS.get(kind)
        return kind == types.NUMBER if bits is None else -(1 << bits) <= value < 1 << bits
    return isinstance(value, float) and kind == types.NUMBER


def _mismatch(value: Any, type: Type, place: _Place) -> WrongType:
    shown = json_kind(value)
    if shown == "number" and type.kind in _INTEGER_BITS:
        shown = f"number {value!r}"
    where = f"Go struct field {place.struct}.{place.names}" if place.names else "Go value"
    return WrongType(f"json: cannot unmarshal {shown} into {where} of type {type.go_name}")


def json_kind(value: Any) -> str:
    """Return what upstream's decoder calls a value: string, bool, number, array or object."""
    if isinstance(value, bool):
        return "bool"
    return {str: "string", int: "number", float: "number", list: "array", dict: "object"}.get(type(value), "null")
