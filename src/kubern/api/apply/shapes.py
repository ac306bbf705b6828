"""How the fields of a type are merged and owned: one `Shape` a type, which walks values and answers with sets of fields.

Made from the `Type`s of the schema: a struct's fields and a map's entries are owned one by one, the items of a list by their keys
(`x-kubernetes-list-type: map`) or values (`set`); everything else, and whatever is marked atomic, is owned as a whole. What always
holds: a shape is made when it is first needed and never changes; no value that is handed in is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from kubern.api.apply.fieldset import SELF, Fields, element_text
from kubern.api.schema import types
from kubern.api.schema.types import Type
from kubern.base.json import Obj

Changes = tuple[Fields | None, Fields | None]
"""What was added or changed, and what was removed; None where nothing was."""
MISSING: Any = object()

_IMPLICIT = frozenset(
    ("metadata", "spec", "status", "strategy", "updateStrategy", "loadBalancer", "daemonEndpoints", "nodeInfo")
)
"""Structs that every object of their kind has, also one of which nothing is said; with the required fields."""


class Shape:
    """A value that is owned as a whole: a scalar, or something atomic."""

    def added(self, value: Any) -> Fields:
        """Return the set of a value that was not there before: its own place and all below it."""
        return {}

    def started(self, value: Any) -> Fields | None:
        """Return the set of what a value adds to the one that an object has from the start."""
        return {}

    def owned(self, value: Any, place: str) -> Fields:
        """Return the set of what an applied configuration says. Raises `Unfit` for a list whose items cannot be told apart."""
        return {}

    def changes(self, old: Any, new: Any) -> Changes:
        """Compare two different values."""
        return {}, None

    def merge(self, live: Any, applied: Any) -> Any:
        """Return the live value with the applied one put over it."""
        return applied

    def without(self, value: Any, fields: Fields) -> Any:
        """Return the value without the members of a set, or `MISSING` when nothing is left."""
        return value

    def with_structs(self, fields: Fields) -> Fields:
        """Return a set together with the structs that hold its members."""
        return fields


class Unfit(ValueError):
    """An applied configuration does not fit the schema; the text is what upstream says of it."""


class MapShape(Shape):
    """A struct or a map: each entry by its name. An entry whose name no field declares is shaped by `item`."""

    def __init__(
        self, fields: Callable[[], dict[str, Shape]], item: Callable[[], Shape] | None, implicit: frozenset[str]
    ) -> None:
        self._make, self._make_item = fields, item
        self._implicit = implicit
        self._declared: dict[str, Shape] | None = None
        self._item: Shape = ATOM

    @property
    def declared(self) -> dict[str, Shape]:
        """The shapes of a struct's fields."""
        if self._declared is None:
            self._item = self._make_item() if self._make_item else ATOM
            self._declared = self._make()
        return self._declared

    def child(self, name: str) -> Shape:
        """Return the shape of one entry."""
        return self.declared.get(name) or self._item

    def added(self, value: Any) -> Fields:
        if not isinstance(value, dict) or not value:
            return {}
        declared = self.declared
        out: Fields = {SELF: {}}
        for key, inner in value.items():
            out["f:" + key] = (declared.get(key) or self._item).added(inner)
        return out

    def started(self, value: Any) -> Fields | None:
        if not isinstance(value, dict):
            return {}
        out: Fields = {}
        for key, inner in value.items():
            shape = self.child(key)
            node = shape.started(inner) if key in self._implicit else shape.added(inner)
            if node is not None:
                out["f:" + key] = node
        return out or None

    def owned(self, value: Any, place: str) -> Fields:
        if not isinstance(value, dict) or not value:
            return {}
        out: Fields = {}
        for key, inner in value.items():
            node = self.child(key).owned(inner, f"{place}.{key}")
            if node and key not in self.declared:
                node = {SELF: {}, **node}
            out["f:" + key] = node
        return out

    def changes(self, old: Any, new: Any) -> Changes:
        if not isinstance(old, dict) or not isinstance(new, dict):
            return self.added(new), None
        changed: Fields = {}
        removed: Fields = {}
        for key, value in new.items():
            before = old.get(key, MISSING)
            if before is MISSING:
                changed["f:" + key] = self.child(key).added(value)
            elif before != value:
                more, less = self.child(key).changes(before, value)
                if more is not None:
                    changed["f:" + key] = more
                if less is not None:
                    removed["f:" + key] = less
        for key in old.keys() - new.keys():
            removed["f:" + key] = self.child(key).added(old[key])
        return changed or None, removed or None

    def merge(self, live: Any, applied: Any) -> Any:
        if not isinstance(live, dict) or not isinstance(applied, dict):
            return applied
        out = dict(live)
        for key, value in applied.items():
            out[key] = self.child(key).merge(live[key], value) if key in live else value
        return out

    def without(self, value: Any, fields: Fields) -> Any:
        if not isinstance(value, dict):
            return value
        out: Obj = {}
        for key, inner in value.items():
            node = fields.get("f:" + key)
            kept = inner if node is None else _pruned(self.child(key), inner, node)
            if kept is not MISSING:
                out[key] = kept
        return out if out or not value else MISSING

    def with_structs(self, fields: Fields) -> Fields:
        out: Fields = {}
        for key, node in fields.items():
            if node and key.startswith("f:"):
                inner = self.child(key[2:]).with_structs(node)
                out[key] = {SELF: {}, **inner} if key[2:] in self.declared else inner
            else:
                out[key] = node
        return out


class ListShape(Shape):
    """A list whose items are known by their keys, or by their values where there are none."""

    def __init__(self, item: Callable[[], Shape], keys: tuple[str, ...]) -> None:
        self._make_item = item
        self._keys = keys
        self._item: Shape | None = None

    @property
    def item(self) -> Shape:
        """The shape of the items."""
        if self._item is None:
            self._item = self._make_item()
        return self._item

    def element(self, item: Any) -> str:
        """Return the path element of an item."""
        return element_of(item, self._keys)

    def indexed(self, items: list[Any]) -> tuple[dict[str, Any], set[str]]:
        """Return the items by their path elements, and the elements that more than one item has (with a list of these)."""
        found: dict[str, Any] = {}
        twice: set[str] = set()
        for item in items:
            element = element_of(item, self._keys)
            if element in twice:
                found[element].append(item)
            elif element in found:
                twice.add(element)
                found[element] = [found[element], item]
            else:
                found[element] = item
        return found, twice

    def added(self, value: Any) -> Fields:
        if not isinstance(value, list) or not value:
            return {}
        found, twice = self.indexed(value)
        out: Fields = {SELF: {}}
        for element, item in found.items():
            out[element] = {} if element in twice else self.item.added(item)
        return out

    def started(self, value: Any) -> Fields | None:
        out = self.added(value)
        out.pop(SELF, None)
        return out or None

    def owned(self, value: Any, place: str) -> Fields:
        if not isinstance(value, list) or not value:
            return {}
        out: Fields = {}
        for index, item in enumerate(value):
            element = element_of(item, self._keys)
            if self._keys and element.startswith("i:"):
                missing = ", ".join(f'"{key}"' for key in self._keys)
                raise Unfit(
                    f"{place}: element {index}: associative list with keys has an element that omits key field {missing} "
                    "(and doesn't have default value)"
                )
            if element in out:
                raise Unfit(f"{place}: duplicate entries for key {element_text(element)}")
            node = self.item.owned(item, place + element_text(element))
            out[element] = {SELF: {}, **node} if node else node
        return out

    def changes(self, old: Any, new: Any) -> Changes:
        if not isinstance(old, list) or not isinstance(new, list):
            return self.added(new), None
        before, twice_before = self.indexed(old)
        after, twice = self.indexed(new)
        changed: Fields = {}
        removed: Fields = {}
        for element, value in after.items():
            was = before.get(element, MISSING)
            if was is MISSING:
                changed[element] = {} if element in twice else self.item.added(value)
            elif was != value:
                whole = element in twice or element in twice_before
                more, less = ({}, None) if whole else self.item.changes(was, value)
                if more is not None:
                    changed[element] = more
                if less is not None:
                    removed[element] = less
        for element in before.keys() - after.keys():
            removed[element] = {} if element in twice_before else self.item.added(before[element])
        return changed or None, removed or None

    def merge(self, live: Any, applied: Any) -> Any:
        """Items that both have stand in the applied order; those of the live list alone keep their place between them."""
        if not isinstance(live, list) or not isinstance(applied, list):
            return applied
        wanted, _ = self.indexed(applied)
        there, twice = self.indexed(live)
        pending = list(wanted)
        out: list[Any] = []

        def emit(element: str) -> None:
            value = wanted[element]
            known = element in there and element not in twice
            out.append(self.item.merge(there[element], value) if known else value)

        for item in live:
            element = element_of(item, self._keys)
            if element not in wanted:
                out.append(item)
                continue
            while pending and element in pending:
                emit(pending.pop(0))
        for element in pending:
            emit(element)
        return out

    def without(self, value: Any, fields: Fields) -> Any:
        if not isinstance(value, list):
            return value
        out = []
        for item in value:
            node = fields.get(element_of(item, self._keys))
            kept = item if node is None else _pruned(self.item, item, node)
            if kept is not MISSING:
                out.append(kept)
        return out if out or not value else MISSING

    def with_structs(self, fields: Fields) -> Fields:
        return {key: self.item.with_structs(node) if node and key != SELF else node for key, node in fields.items()}


class FreeShape(MapShape):
    """A value without a schema: objects are owned entry by entry, all else as a whole."""

    def __init__(self) -> None:
        super().__init__(dict, lambda: self, frozenset())

    def changes(self, old: Any, new: Any) -> Changes:
        if isinstance(old, dict) and isinstance(new, dict):
            return super().changes(old, new)
        return {}, None


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


def _pruned(shape: Shape, value: Any, node: Fields) -> Any:
    if not node or SELF in node:
        return MISSING
    return shape.without(value, node)


ATOM = Shape()
FREE = FreeShape()
_DEFAULTS = {"protocol": "TCP"}
"""What a list's key stands for where an item leaves it out; ports are the only ones that have such keys."""


def element_of(item: Any, keys: tuple[str, ...]) -> str:
    """Return the path element of a list's item: by `keys`, or by its value; `i:` for an item that lacks every key."""
    if not keys:
        return "v:" + _dump(item)
    if not isinstance(item, dict):
        return "i:0"
    if len(keys) == 1:
        value = item.get(keys[0], MISSING)
        return "i:0" if value is MISSING else f'k:{{"{keys[0]}":{_dump(value)}}}'
    values = {
        key: item[key] if key in item else _DEFAULTS[key] for key in sorted(keys) if key in item or key in _DEFAULTS
    }
    return "k:" + _dump(values) if any(key in item for key in keys) else "i:0"


def _dump(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


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
        return MapShape(
            fields, (lambda: FREE) if more else None, _IMPLICIT | frozenset(type.schema.get("required", ()))
        )

    def _list(self, type: Type, marks: Obj) -> Shape:
        kind = marks.get("x-kubernetes-list-type")
        keys = tuple(marks.get("x-kubernetes-list-map-keys", ()))
        if kind is None and "merge" in marks.get("x-kubernetes-patch-strategy", "").split(","):
            kind, key = "map", marks.get("x-kubernetes-patch-merge-key")
            keys = (key,) if key else ()
        if kind not in ("map", "set"):
            return ATOM
        return ListShape(lambda: self.of(type.item), keys if kind == "map" else ())
