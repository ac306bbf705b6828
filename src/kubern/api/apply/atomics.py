"""What an applied configuration would replace as a whole: maps, structs and lists that are owned atomically.

Used for the configurations that admission policies write: they have no manager who would have to know of the rest of an atomic value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubern.api.apply.list_shape import ListShape
from kubern.api.apply.map_shape import MapShape
from kubern.api.apply.shape import Shape


def atomics(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths (`.spec.selector`, `.args[0]`) of the maps and lists in a value that its shape merges with nothing."""
    if isinstance(shape, MapShape) and isinstance(value, dict):
        declared = shape.declared
        for key, inner in value.items():
            if key in declared:
                yield from atomics(declared[key], inner, f"{path}.{key}")
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for index, inner in enumerate(value):
            yield from atomics(shape.item, inner, f"{path}[{index}]")
    elif isinstance(value, (dict, list)):
        yield path
