"""Reading the scalars that are more than a JSON type: times, quantities, bytes.

Used by the decoder. Each function takes the value that was sent and returns the one that is kept, in upstream's normal
form, or raises `ValueError` with the words that upstream's decoder uses.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kubern.api.schema import types
from kubern.base.clock import rfc3339, rfc3339_micro
from kubern.base.quantity import canonical

_LAYOUT = "2006-01-02T15:04:05Z07:00"
_MICRO_LAYOUT = "2006-01-02T15:04:05.000000Z07:00"
_TIME = re.compile(r"(\d{4})-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_PARTS = (
    ("2006", r"\d{4}"), ("-", "-"), ("01", r"\d\d"), ("-", "-"), ("02", r"\d\d"), ("T", "T"), ("15", r"\d\d"), (":", ":"),
    ("04", r"\d\d"), (":", ":"), ("05", r"\d\d"),
)  # fmt: skip
_ZERO = "0001-01-01T00:00:00Z"
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


def read_time(text: str) -> str | None:
    """Return a time as `metav1.Time` writes it; `None` for the zero time, which stands for no time."""
    moment = _parse(text, _LAYOUT)
    return None if moment.year == 1 and text.startswith(_ZERO[:19]) else rfc3339(moment)


def read_micro_time(text: str) -> str | None:
    """Return a time as `metav1.MicroTime` writes it; `None` for the zero time."""
    match = _TIME.fullmatch(text)
    if match and len(match.group(2) or "") != 7:
        raise ValueError(f'parsing time "{text}" as "{_MICRO_LAYOUT}": cannot parse "{text[19:]}" as ".000000"')
    moment = _parse(text, _MICRO_LAYOUT)
    return None if moment.year == 1 and text.startswith(_ZERO[:19]) else rfc3339_micro(moment)


def _parse(text: str, layout: str) -> datetime:
    if _TIME.fullmatch(text):
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValueError(f'parsing time "{text}": {_out_of_range(text)}') from error
    position = 0
    for part, pattern in _PARTS:
        match = re.compile(pattern, re.ASCII).match(text, position)
        if match is None:
            raise ValueError(f'parsing time "{text}" as "{layout}": cannot parse "{text[position:]}" as "{part}"')
        position = match.end()
    raise ValueError(f'parsing time "{text}" as "{layout}": cannot parse "{text[position:]}" as "Z07:00"')


def _out_of_range(text: str) -> str:
    month, hour, minute = int(text[5:7]), int(text[11:13]), int(text[14:16])
    for name, wrong in (("month", not 1 <= month <= 12), ("hour", hour > 23), ("minute", minute > 59)):
        if wrong:
            return f"{name} out of range"
    return "second out of range" if int(text[17:19]) > 59 else "day out of range"


def read_bytes(text: str) -> str:
    """Return base64 text without the line breaks that upstream's decoder skips."""
    compact = text.replace("\r", "").replace("\n", "")
    try:
        base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"illegal base64 data at input byte {_first_fault(compact)}") from error
    return compact


def _first_fault(text: str) -> int:
    bad = _NOT_BASE64.search(text)
    return bad.start() if bad else len(text)


def read_quantity(value: Any) -> str:
    """Return a quantity in canonical form."""
    return canonical(value)


ZEROS: dict[str, Callable[[], Any]] = {
    types.STRING: str, types.BOOL: bool, types.INT32: int, types.INT64: int, types.NUMBER: float, types.BYTES: str,
    types.INT_OR_STRING: int, types.QUANTITY: lambda: "0", types.STRUCT: dict,
}  # fmt: skip
"""What upstream's decoder makes of a null inside a list or map, by kind of type; the rest stay null."""
