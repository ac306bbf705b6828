"""Lists whose items are owned one by one: by their keys (`x-kubernetes-list-type: map`) or by their values (`set`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from kubern.api.apply.fieldset import SELF, Fields, element_text
from kubern.api.apply.shape import MISSING, Changes, Shape, Unfit, pruned

_DEFAULTS = {"protocol": "TCP"}
"""What a list's key stands for where an item leaves it out; ports are the only ones that have such keys."""


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
            kept = item if node is None else pruned(self.item, item, node)
            if kept is not MISSING:
                out.append(kept)
        return out if out or not value else MISSING

    def with_structs(self, fields: Fields) -> Fields:
        return {key: self.item.with_structs(node) if node and key != SELF else node for key, node in fields.items()}


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
