"""From the values of expressions to JSON, and whether the objects that an expression wrote are named as their place demands.

Used where an expression's result becomes part of an object: the mutations of admission policies. What always holds: what is returned
shares nothing with the value, so that it may be changed.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from typing import Any

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.instants import write_duration, write_timestamp
from kubern.api.cel.values import Duration, ObjectValue, Optional, Timestamp, type_name

_EXACT = 1 << 53
"""Doubles beyond this are not known to be whole numbers."""


def to_json(value: Any) -> Any:
    """Return a value as JSON has it. Raises `CelEvaluationError` for what JSON has nothing for."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Timestamp):
        return write_timestamp(value)
    if isinstance(value, Duration):
        return write_duration(value)
    if isinstance(value, Optional):
        return to_json(value.value) if value.present else None
    if isinstance(value, Mapping):
        return {_key(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    raise CelEvaluationError(f"type conversion error from '{type_name(value)}' to 'google.protobuf.Value'")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise CelEvaluationError(f"map key {str(key)!r} is of type {type_name(key)}, not string")
    return key


def misnamed(value: ObjectValue) -> list[str]:
    """Return what is wrong with the types of the objects below one: `Object.spec{…}` may only stand in the field `spec` of an `Object`."""
    return list(_misnamed(value, value.type_name))


def _misnamed(value: Any, wanted: str) -> Iterator[str]:
    if isinstance(value, ObjectValue):
        if value.type_name != wanted:
            yield (
                f'unexpected type name "{value.type_name}", expected "{wanted}", which matches field name path from root Object type'
            )
        for name, inner in value.items():
            yield from _misnamed(inner, f"{wanted}.{name}")
    elif isinstance(value, (list, Mapping)):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _misnamed(inner, wanted)
