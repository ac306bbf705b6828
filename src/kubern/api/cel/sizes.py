"""How large the values of a schema may become: what an estimate of a rule's cost counts with.

A schema that says nothing of a size is bounded by the request: at most 3 MiB of JSON. Source: the Kubernetes documentation, "Resource
use by validation functions".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from kubern.base.json import Obj

REQUEST = 3 * 1024 * 1024
"""Bytes of the largest request."""
UNBOUNDED = 2**64 - 1
_TEXT, _BOOLEAN, _NUMBER = 2, 4, 1
_FORMATS = {"duration": (3, 32), "date": (12, 12), "date-time": (21, 35)}
"""By format: the fewest and the most bytes that a value takes in JSON."""


class Size(NamedTuple):
    """The fewest and the most characters, items or entries."""

    least: int
    most: int

    def union(self, other: Size) -> Size:
        """Return what covers both."""
        return Size(min(self.least, other.least), max(self.most, other.most))

    def plus(self, other: Size) -> Size:
        """Return the size of both together."""
        return Size(self.least + other.least, min(self.most + other.most, UNBOUNDED))

    def times(self, other: Size) -> Size:
        """Return the size of one for each of the other."""
        return Size(self.least * other.least, min(self.most * other.most, UNBOUNDED))


ONE, UNKNOWN = Size(1, 1), Size(0, UNBOUNDED)


class Shape(NamedTuple):
    """The values of a schema: `most` they have of characters, items or entries; `least` bytes of JSON they take."""

    most: int
    least: int
    items: Shape | None = None
    fields: dict[str, Shape] | None = None
    is_map: bool = False

    def at(self, path: Sequence[str]) -> Shape | None:
        """Return what is found below, `@items` and `@values` being any item or value; None where nothing is known."""
        found: Shape | None = self
        for name in path:
            if found is None:
                return None
            if name in ("@items", "@values"):
                found = found.items
            elif name == "@keys":
                found = Shape(0, _TEXT) if found.is_map else None
            else:
                found = (found.fields or {}).get(name)
        return found


def shape_of(schema: Obj, *, resource: bool = False) -> Shape | None:
    """Return the shape of a schema's values; None where expressions cannot look at them. `resource`: it is a whole object's."""
    if schema.get("x-kubernetes-int-or-string"):
        return Shape(REQUEST - 2, 1)
    kind = schema.get("type")
    if kind == "string":
        return _text(schema)
    if kind == "array":
        items = _below(schema.get("items"))
        return (
            None if items is None else Shape(_limit(schema, "maxItems", (REQUEST - 2) // (items.least + 1)), 2, items)
        )
    if kind == "object":
        return _object(schema, resource or bool(schema.get("x-kubernetes-embedded-resource")))
    least = {"boolean": _BOOLEAN, "number": _NUMBER, "integer": _NUMBER}.get(str(kind))
    return None if least is None else Shape(0, least)


def repeated(schema: Obj, *, resource: bool = False) -> int:
    """Return how often a schema's values may be in one request."""
    shape = shape_of(schema, resource=resource)
    return REQUEST // ((shape.least if shape else 0) + 1)


def _below(schema: Any) -> Shape | None:
    return shape_of(schema) if isinstance(schema, dict) else None


def _limit(schema: Obj, key: str, otherwise: int) -> int:
    given = schema.get(key)
    return otherwise if given is None else max(int(given), 0)


def _text(schema: Obj) -> Shape:
    form = schema.get("format")
    if form in _FORMATS:
        least, most = _FORMATS[form]
        return Shape(most, least)
    if schema.get("maxLength") is not None:
        # a length counts characters, each of which may take four bytes
        return Shape(_limit(schema, "maxLength", 0) * (1 if form == "byte" else 4), _TEXT)
    if schema.get("enum") and form != "byte":
        return Shape(max(len(str(one)) for one in schema["enum"]), _TEXT)
    return Shape(REQUEST - 2, _TEXT)


def _object(schema: Obj, resource: bool) -> Shape | None:
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        values = _below(more)
        if values is None:
            return None
        return Shape(_limit(schema, "maxProperties", (REQUEST - 2) // (values.least + 6)), 2, values, is_map=True)
    fields: dict[str, Shape] = {}
    least, required = 2, set(schema.get("required") or ())
    for name, one in _properties(schema, resource).items():
        shape = _below(one)
        if shape is not None:
            fields[name] = shape
            if name in required and one.get("default") is None:
                least += len(name) + shape.least + 4
    return Shape(0, least, fields=fields)


def _properties(schema: Obj, resource: bool) -> Obj:
    properties: Obj = dict(schema.get("properties") or {})
    if resource:
        text: Obj = {"type": "string"}
        named: Obj = {"type": "object", "properties": {"name": text, "generateName": text}}
        properties |= {"kind": text, "apiVersion": text, "metadata": named}
    return properties
