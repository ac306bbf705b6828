"""`'%s is %d'.format([…])`: the verbs of CEL's strings extension."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.instants import write_duration, write_timestamp
from kubern.api.cel.numbers import write_double
from kubern.api.cel.values import Duration, Timestamp, TypeValue, type_name

_VERB = re.compile(r"%(?:(%)|(?:\.([0-9]{1,4}))?(.)?)", re.DOTALL)


def format_text(pattern: str, args: list[Any]) -> str:
    """Return the pattern with its verbs replaced. Raises `CelEvaluationError`."""
    at = iter(enumerate(args))

    def verb(match: re.Match[str]) -> str:
        if match.group(1):
            return "%"
        write = _VERBS.get(match.group(3) or "")
        if write is None:
            raise CelEvaluationError(
                f'could not parse formatting clause: unrecognized formatting clause "{match.group(3) or ""}"'
            )
        index, value = next(at, (-1, None))
        if index < 0:
            raise CelEvaluationError(f"index {len(args)} out of range")
        return write(value, int(match.group(2)) if match.group(2) else 6)

    return _VERB.sub(verb, pattern)


def write_text(value: Any, _precision: int = 6) -> str:
    """Write any value as `%s` does."""
    if isinstance(value, str):
        return value
    simple = _TEXTS.get(type(value))
    if simple is not None:
        return simple(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(write_text, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(sorted(f"{write_text(key)}: {write_text(item)}" for key, item in value.items())) + "}"
    if isinstance(value, int):
        return str(int(value))
    raise _unsupported(
        "string", value, "strings, ints, uints, bools, bytes, doubles, durations, timestamps, lists, maps and types"
    )


_TEXTS: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "true" if value else "false",
    float: lambda value: {"+Inf": "Infinity", "-Inf": "-Infinity"}.get(text := write_double(value), text),
    bytes: lambda value: value.decode(errors="replace"),
    type(None): lambda value: "null",
    Duration: write_duration,
    Timestamp: write_timestamp,
    TypeValue: lambda value: value.name,
}


def _unsupported(clause: str, value: Any, wanted: str) -> CelEvaluationError:
    name = type_name(value)
    return CelEvaluationError(
        f"error during formatting: {clause} clause can only be used on {wanted}, was given {name}"
    )


def _decimal(value: Any, _precision: int) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value)):
        return write_text(value)
    raise _unsupported("decimal", value, "integers")


def _special(value: Any, clause: str) -> float | Decimal | str:
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _unsupported(clause, value, "doubles, integers and unsigned integers")
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value)):
        return write_text(value)
    return Decimal(value)


def _fixed(value: Any, precision: int) -> str:
    number = _special(value, "fixed-point")
    return number if isinstance(number, str) else f"{number:.{precision}f}"


def _scientific(value: Any, precision: int) -> str:
    number = _special(value, "scientific")
    if isinstance(number, str):
        return number
    mantissa, _, exponent = f"{number:.{precision}e}".partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:]:0>2}"


def _binary(value: Any, _precision: int) -> str:
    if isinstance(value, int):
        return format(int(value), "b")
    raise _unsupported("binary", value, "integers and bools")


def _octal(value: Any, _precision: int) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return format(int(value), "o")
    raise _unsupported("octal", value, "integers")


def _hex(value: Any, _precision: int) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return format(int(value), "x")
    if isinstance(value, str | bytes):
        return (value.encode() if isinstance(value, str) else value).hex()
    raise _unsupported("hex", value, "integers, byte buffers, and strings")


def _upper_hex(value: Any, precision: int) -> str:
    return _hex(value, precision).upper()


_VERBS: dict[str, Callable[[Any, int], str]] = {
    "s": write_text, "d": _decimal, "f": _fixed, "e": _scientific, "b": _binary, "o": _octal, "x": _hex, "X": _upper_hex,
}  # fmt: skip
