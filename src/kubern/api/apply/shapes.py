"""How the fields of a type are merged and owned: one `Shape` a type, which walks values and answers with sets of fields.

Made from the `Type`s of the schema: a struct's fields and a map's entries are owned one by one, the items of a list by their keys
(`x-kubernetes-list-type: map`) or values (`set`); everything else, and whatever is marked atomic, is owned as a whole. What always
holds: a shape is made when it is first needed and never changes; no value that is handed in is changed.
"""

from __future__ import annotations

from typing import Any

from kubern.api.apply.fieldset import Fields
from kubern.api.apply.list_shape import ListShape
from kubern.api.apply.map_shape import FREE, MapShape
from kubern.api.apply.shape import ATOM, Shape
from kubern.api.schema import types
from kubern.api.schema.types import Type
from kubern.base.json import Obj

_IMPLICIT = frozenset(
    ("metadata", "spec", "status", "strategy", "updateStrategy", "loadBalancer", "daemonEndpoints", "nodeInfo")
)
"""Structs that every object of their kind has, also one of which nothing is said; with the required fields."""
_METADATA = frozenset(("metadata",))


def emptied(shape: Shape, value: Any) -> Fields:
    """Return the places of a configuration where an empty list or map stands for a whole one, which it takes the place of.

    Normal form leaves such values out, as if nothing was said of them.
    """
    out: Fields = {}
    if isinstance(shape, MapShape) and isinstance(value, dict):
        inner = [("f:" + key, shape.child(key), item) for key, item in value.items()]
    elif isinstance(shape, ListShape) and isinstance(value, list):
        inner = [(shape.element(item), shape.item, item) for item in value]
    else:
        return out
    for element, child, item in inner:
        whole = not isinstance(child, MapShape | ListShape)
        if whole and isinstance(item, dict | list) and not item:
            out[element] = {}
        elif below := emptied(child, item):
            out[element] = below
    return out


class Shapes:
    """Makes shapes of types and remembers them; `free` says what a value of any type is: `ATOM` for built-in kinds."""

    def __init__(self, free: Shape = ATOM) -> None:
        self._free = free
        self._named: dict[str, Shape] = {}

    def of(self, type: Type, marks: Obj | None = None) -> Shape:
        """Return the shape of a type; `marks` are the schema of the field that has it, whose marks come before the type's."""
        marks = marks or {}
        atomic = marks.get("x-kubernetes-map-type") or type.schema.get("x-kubernetes-map-type")
        if type.kind == types.LIST:
            return self._list(
                type,
                marks if "x-kubernetes-list-type" in marks or "x-kubernetes-patch-strategy" in marks else type.schema,
            )
        if atomic == "atomic":
            return ATOM
        if type.kind == types.ANY:
            return self._free
        if type.kind not in (types.STRUCT, types.MAP):
            return ATOM
        if not type.name:
            return self._map(type)
        shape = self._named.get(type.name)
        if shape is None:
            shape = self._named[type.name] = self._map(type)
        return shape

    def _map(self, type: Type) -> Shape:
        if type.kind == types.MAP:
            return MapShape(dict, lambda: self.of(type.item), frozenset())

        def fields() -> dict[str, Shape]:
            schemas = type.schema.get("properties", {})
            return {name: self.of(field.type, schemas[name]) for name, field in type.fields.items()}

        more = type.schema.get("x-kubernetes-preserve-unknown-fields")
        # an object of a definition has nothing but metadata from the start
        custom = self._free is FREE
        implicit = _METADATA if custom else _IMPLICIT | frozenset(type.schema.get("required", ()))
        return MapShape(fields, (lambda: FREE) if more else None, implicit)

    def _list(self, type: Type, marks: Obj) -> Shape:
        kind = marks.get("x-kubernetes-list-type")
        keys = tuple(marks.get("x-kubernetes-list-map-keys", ()))
        if kind is None and "merge" in marks.get("x-kubernetes-patch-strategy", "").split(","):
            kind, key = "map", marks.get("x-kubernetes-patch-merge-key")
            keys = (key,) if key else ()
        if kind not in ("map", "set"):
            return ATOM
        return ListShape(lambda: self.of(type.item), keys if kind == "map" else ())
