"""Conversions between types, `type`, `dyn` and `size`."""

from __future__ import annotations

import math
import re
from typing import Any

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.instants import parse_duration, parse_timestamp, write_duration, write_timestamp
from kubern.api.cel.library import Function, Library, overloads, walk
from kubern.api.cel.numbers import write_double
from kubern.api.cel.types import NAMES
from kubern.api.cel.values import INT_MAX, INT_MIN, UINT_MAX, Duration, Timestamp, TypeValue, UInt, type_name

_INT = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_DOUBLE = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?|inf(inity)?|nan)", re.ASCII | re.IGNORECASE
)
_BOOLS = {
    **dict.fromkeys(("1", "t", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "false", "FALSE", "False"), False),
}


def _int(value: Any) -> int:
    if isinstance(value, float):
        if not -(2.0**63) < value < 2.0**63:
            raise CelEvaluationError("integer overflow")
        return math.trunc(value)
    if not INT_MIN <= value <= INT_MAX:
        raise CelEvaluationError("integer overflow")
    return int(value)


def _int_of_text(text: str) -> int:
    if not _INT.fullmatch(text) or not INT_MIN <= int(text) <= INT_MAX:
        raise CelEvaluationError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _uint(value: Any) -> UInt:
    if isinstance(value, float) and (math.isnan(value) or not 0 <= value < 2.0**64):
        raise CelEvaluationError("unsigned integer overflow")
    if not 0 <= value <= UINT_MAX:
        raise CelEvaluationError("unsigned integer overflow")
    return UInt(math.trunc(value))


def _uint_of_text(text: str) -> UInt:
    if not re.fullmatch(r"[0-9]{1,20}", text, re.ASCII) or int(text) > UINT_MAX:
        raise CelEvaluationError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    return UInt(int(text))


def _double_of_text(text: str) -> float:
    if not _DOUBLE.fullmatch(text):
        raise CelEvaluationError(f'strconv.ParseFloat: parsing "{text}": invalid syntax')
    return float(text)


def _bool_of_text(text: str) -> bool:
    if text not in _BOOLS:
        raise CelEvaluationError(f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return _BOOLS[text]


def _text_of_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise CelEvaluationError("invalid UTF-8 in bytes, cannot convert to string") from error


def _same(value: Any) -> Any:
    return value


_TABLE: dict[str, Function] = {
    "int(int): int": _same,
    "int(uint): int": _int,
    "int(double): int": _int,
    "int(string): int": _int_of_text,
    "int(timestamp): int": lambda value: value.ns // 10**9,
    "int(duration): int": lambda value: value.ns,
    "uint(uint): uint": _same,
    "uint(int): uint": _uint,
    "uint(double): uint": _uint,
    "uint(string): uint": _uint_of_text,
    "double(double): double": _same,
    "double(int): double": float,
    "double(uint): double": float,
    "double(string): double": _double_of_text,
    "bool(bool): bool": _same,
    "bool(string): bool": _bool_of_text,
    "string(string): string": _same,
    "string(bool): string": lambda value: "true" if value else "false",
    "string(int): string": str,
    "string(uint): string": lambda value: str(int(value)),
    "string(double): string": write_double,
    "string(timestamp): string": write_timestamp,
    "string(duration): string": write_duration,
    "bytes(bytes): bytes": _same,
    "timestamp(timestamp): timestamp": _same,
    "timestamp(string): timestamp": parse_timestamp,
    "timestamp(int): timestamp": lambda value: Timestamp(value * 10**9),
    "duration(duration): duration": _same,
    "duration(string): duration": parse_duration,
    "duration(int): duration": Duration,
    "dyn(A): dyn": _same,
    "type(A): type(A)": lambda value: TypeValue(type_name(value)),
    "size(string): int": len,
    "size(bytes): int": len,
    "size(list(A)): int": len,
    "size(map(A, B)): int": len,
    "string.size(): int": len,
    "bytes.size(): int": len,
    "list(A).size(): int": len,
    "map(A, B).size(): int": len,
}

_TYPE_NAMES = {
    name: TypeValue(kind.name) for name, kind in NAMES.items() if name not in ("timestamp", "duration", "dyn")
}

LIBRARY = Library(
    "conversions",
    (
        *overloads(_TABLE),
        *overloads({"bytes(string): bytes": str.encode, "string(bytes): string": _text_of_bytes}, walk),
    ),
    (
        *_TYPE_NAMES.items(),
        ("list", TypeValue("list")),
        ("map", TypeValue("map")),
        ("optional_type", TypeValue("optional_type")),
    ),
)
