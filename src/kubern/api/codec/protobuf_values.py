"""The values of fields: scalars, and the messages that are no objects in JSON (times, quantities, integers or strings, raw JSON).

What always holds: reading what `write` returned gives the value back in its canonical form.
Source: the published .proto files and the JSON forms of `metav1.Time`, `resource.Quantity`, `intstr.IntOrString`,
`runtime.RawExtension` and `metav1.FieldsV1`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from kubern.api.codec.protobuf_wire import (
    BYTES,
    NOT_TEXT,
    VARINT,
    ProtobufError,
    delimited,
    fields,
    signed,
    tag,
    varint,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class Value(NamedTuple):
    """How one type stands on the wire: `read` takes an unsigned integer or the bytes, `write` returns the same, encoded.

    `zero` is the JSON value of what is empty on the wire. `plain` says that upstream's type is a Go scalar, whose zero is left out.
    """

    wire: int
    read: Callable[[Any], Any]
    write: Callable[[Any], bytes]
    zero: Any = None
    plain: bool = False


def _read_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ProtobufError(NOT_TEXT) from error


def _write_bytes(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ProtobufError(f"illegal base64 data: {error}") from error


def _timestamp(data: bytes) -> datetime | None:
    """Return the instant of a Timestamp; None for an empty message, which stands for the zero time."""
    if not data:
        return None
    seconds = nanos = 0
    for number, value in fields(data):
        if isinstance(value, int):
            seconds = signed(value) if number == 1 else seconds
            nanos = signed(value) if number == 2 else nanos
    try:
        return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError as error:
        raise ProtobufError(f"Time: {seconds} seconds are out of range") from error


def _read_time(data: bytes) -> str | None:
    moment = _timestamp(data)
    return None if moment is None else moment.isoformat()[:19] + "Z"


def _read_micro_time(data: bytes) -> str | None:
    moment = _timestamp(data)
    return None if moment is None else moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _moment(value: str) -> timedelta:
    try:
        return datetime.fromisoformat(value) - _EPOCH
    except (ValueError, TypeError) as error:
        raise ProtobufError(f"{value!r} is no time") from error


def _write_time(value: str) -> bytes:
    return b"\x08%b\x10\x00" % varint(_moment(value) // _SECOND)


def _write_micro_time(value: str) -> bytes:
    seconds, rest = divmod(_moment(value), _SECOND)
    return b"\x08%b\x10%b" % (varint(seconds), varint(rest.microseconds * 1000))


def _read_quantity(data: bytes) -> str:
    for number, value in fields(data):
        if number == 1 and isinstance(value, bytes):
            return _read_text(value) or "0"
    return "0"


def _write_quantity(value: str | float) -> bytes:
    return delimited(1, str(value).encode())


def _read_int_or_string(data: bytes) -> int | str:
    kind, integer, text = 0, 0, ""
    for number, value in fields(data):
        if isinstance(value, bytes):
            text = _read_text(value) if number == 3 else text
        elif number == 1:
            kind = value
        elif number == 2:
            integer = signed(value)
    return text if kind == 1 else integer


def _write_int_or_string(value: int | str) -> bytes:
    if isinstance(value, str):
        return b"\x08\x01\x10\x00" + delimited(3, value.encode())
    return b"\x08\x00%b%b\x1a\x00" % (tag(2, VARINT), varint(value))


def _read_json(data: bytes) -> Any:
    for number, value in fields(data):
        if number == 1 and value and isinstance(value, bytes):
            try:
                parsed = orjson.loads(value)
                orjson.dumps(parsed)  # the parser goes deeper than the encoder
            except (orjson.JSONDecodeError, orjson.JSONEncodeError) as error:
                raise ProtobufError(f"invalid JSON in a raw field: {error}") from error
            return parsed
    return None


def _write_json(value: Any) -> bytes:
    return delimited(1, orjson.dumps(value))


SCALARS = {
    "s": Value(BYTES, _read_text, str.encode, "", True),
    "b": Value(VARINT, bool, varint, False, True),
    "i": Value(VARINT, signed, varint, 0, True),
    "y": Value(BYTES, lambda data: base64.b64encode(data).decode(), _write_bytes, "", True),
}
"""By their code in the table."""

SPECIAL = {
    "meta.v1.Time": Value(BYTES, _read_time, _write_time),
    "meta.v1.MicroTime": Value(BYTES, _read_micro_time, _write_micro_time),
    "api.resource.Quantity": Value(BYTES, _read_quantity, _write_quantity, "0"),
    "util.intstr.IntOrString": Value(BYTES, _read_int_or_string, _write_int_or_string, 0),
    "runtime.RawExtension": Value(BYTES, _read_json, _write_json),
    "meta.v1.FieldsV1": Value(BYTES, _read_json, _write_json),
}
"""Messages that are something else than an object in JSON."""
