"""What a shape is: how values of one type are merged and owned. The plainest one owns its value as a whole.

Subclassed by `map_shape` and `list_shape`, made by `shapes`. What always holds: no value that is handed in is changed.
"""

from __future__ import annotations

from typing import Any

from kubern.api.apply.fieldset import SELF, Fields

Changes = tuple[Fields | None, Fields | None]
"""What was added or changed, and what was removed; None where nothing was."""
MISSING: Any = object()


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


def pruned(shape: Shape, value: Any, node: Fields) -> Any:
    """Return a value without the members of a set, or `MISSING` when the set holds it itself."""
    if not node or SELF in node:
        return MISSING
    return shape.without(value, node)


ATOM = Shape()
