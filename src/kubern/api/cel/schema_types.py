"""The types of expressions over values that a structural schema describes.

`type_of` is called for the rules of custom resources. What always holds: a type carries how a JSON value of it becomes a value of an
expression (`date-time` a timestamp, `number` a double, a list of type `set` a set), or None where the JSON value is one already.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, NamedTuple

from kubern.api.cel import types
from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.escaping import escape
from kubern.api.cel.instants import parse_duration, parse_timestamp
from kubern.api.cel.types import Field, Type
from kubern.api.cel.values import Duration, MapList, SetList, Timestamp
from kubern.base.json import Obj

_Convert = Callable[[Any], Any]
_DAYS = {"d": 86400 * 10**9, "w": 7 * 86400 * 10**9}


class Bounds(NamedTuple):
    """The most characters, items or properties that a value may have, and how many values a cost estimate counts with."""

    largest: int | None


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CelEvaluationError("illegal base64 data") from error


def _time(text: Any) -> Timestamp:
    return parse_timestamp(text)


def _date(text: Any) -> Timestamp:
    return parse_timestamp(f"{text}T00:00:00Z")


def _duration(text: Any) -> Duration:
    number, unit = str(text)[:-1].strip(), str(text)[-1:]
    if unit in _DAYS and number.isdecimal():
        return Duration(int(number) * _DAYS[unit])
    return parse_duration(str(text))


def _double(value: Any) -> float:
    return float(value)


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


_FORMATS: dict[str, tuple[Type, _Convert]] = {
    "byte": (types.BYTES, _bytes),
    "duration": (types.DURATION, _duration),
    "date": (types.TIMESTAMP, _date),
    "date-time": (types.TIMESTAMP, _time),
}


def type_of(schema: Obj, name: str = "selfType", *, resource: bool = False) -> Type | None:
    """Return the type of the values of a schema; None where expressions cannot look at them.

    `resource`: the value is a whole object, which has `apiVersion`, `kind` and `metadata.name` whether the schema says so or not.
    """
    if schema.get("x-kubernetes-int-or-string"):
        return types.DYN
    made = _MAKERS.get(schema.get("type", ""))
    found = made(schema, name, resource or bool(schema.get("x-kubernetes-embedded-resource"))) if made else None
    if found is not None and schema.get("nullable") and found.convert is not None:
        return _nullable(found)
    return found


def _nullable(kind: Type) -> Type:
    convert = kind.convert
    if convert is None:
        return kind
    return _with(kind, lambda value: None if value is None else convert(value))


def _with(kind: Type, convert: _Convert | None, bounds: Bounds | None = None) -> Type:
    return Type(
        kind.name,
        kind.params,
        fields=kind.fields,
        convert=convert,
        open_fields=kind.open_fields,
        bounds=bounds or kind.bounds,
    )


def _text(schema: Obj, _name: str, _resource: bool) -> Type:
    bounds = Bounds(_text_bound(schema))
    kind, convert = _FORMATS.get(schema.get("format", ""), (types.STRING, None))
    return _with(kind, convert, bounds)


def _text_bound(schema: Obj) -> int | None:
    bound: int | None = schema.get("maxLength")
    if schema.get("enum"):
        return max(len(str(item)) for item in schema["enum"])
    return bound


def _number(_schema: Obj, _name: str, _resource: bool) -> Type:
    return _with(types.DOUBLE, _double)


def _whole(_schema: Obj, _name: str, _resource: bool) -> Type:
    return types.INT


def _boolean(_schema: Obj, _name: str, _resource: bool) -> Type:
    return types.BOOL


def _array(schema: Obj, name: str, _resource: bool) -> Type | None:
    inner = schema.get("items")
    item = type_of(inner, f"{name}.@idx") if isinstance(inner, dict) else None
    if item is None:
        return None
    return types.list_of(item, _list_convert(schema, item.convert), Bounds(schema.get("maxItems")))


def _list_convert(schema: Obj, inner: _Convert | None) -> _Convert | None:
    kind: type[list[Any]] | None = None
    if schema.get("x-kubernetes-list-type") == "set":
        kind = SetList
    elif schema.get("x-kubernetes-list-type") == "map":
        kind = type(
            "MapList", (MapList,), {"keys": tuple(schema.get("x-kubernetes-list-map-keys", ())), "type_name": "list"}
        )
    if kind is None and inner is None:
        return None
    made, each = kind or list, inner or (lambda value: value)
    return lambda value: made([each(item) for item in value]) if isinstance(value, list) else value


def _object(schema: Obj, name: str, resource: bool) -> Type | None:
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        value = type_of(more, f"{name}.@elem")
        if value is None:
            return None
        return types.map_of(types.STRING, value, _map_convert(value.convert), Bounds(schema.get("maxProperties")))
    return _fields_type(_properties(schema, resource), frozenset(schema.get("required", ())), name)


def _properties(schema: Obj, resource: bool) -> Obj:
    properties: Obj = dict(schema.get("properties", {}))
    if resource:
        text: Obj = {"type": "string"}
        metadata = {"type": "object", "properties": {"name": {"type": "string"}, "generateName": {"type": "string"}}}
        properties |= {"apiVersion": text, "kind": text, "metadata": metadata}
    return properties


def _fields_type(properties: Obj, required: frozenset[str], name: str) -> Type:
    fields: dict[str, Field] = {}
    converts: dict[str, _Convert] = {}
    for key, schema in properties.items():
        kind, written = type_of(schema, f"{name}.{key}"), escape(key)
        if kind is None or not written:
            continue
        fields[written] = Field(key, kind, key not in required)
        if kind.convert is not None:
            converts[key] = kind.convert
    return Type(name, fields=fields, convert=_object_convert(converts) if converts else None)


def _object_convert(converts: dict[str, _Convert]) -> _Convert:
    def convert(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return value | {key: each(value[key]) for key, each in converts.items() if value.get(key) is not None}

    return convert


def _map_convert(inner: _Convert | None) -> _Convert | None:
    if inner is None:
        return None
    return lambda value: {key: inner(item) for key, item in value.items()} if isinstance(value, dict) else value


_MAKERS: dict[str, Callable[[Obj, str, bool], Type | None]] = {
    "string": _text, "number": _number, "integer": _whole, "boolean": _boolean, "array": _array, "object": _object,
}  # fmt: skip
