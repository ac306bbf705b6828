"""Structs, maps, and objects without a schema: owned entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubern.api.apply.fieldset import SELF, Fields
from kubern.api.apply.shape import ATOM, MISSING, Changes, Shape, pruned
from kubern.base.json import Obj


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
            kept = inner if node is None else pruned(self.child(key), inner, node)
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


class FreeShape(MapShape):
    """A value without a schema: objects are owned entry by entry, all else as a whole."""

    def __init__(self) -> None:
        super().__init__(dict, lambda: self, frozenset())

    def changes(self, old: Any, new: Any) -> Changes:
        if isinstance(old, dict) and isinstance(new, dict):
            return super().changes(old, new)
        return {}, None


FREE = FreeShape()
