"""Protocol buffers' wire format: variable-length integers, tagged fields, lengths.

Used by the message tables and by the envelope. What always holds: nothing is read beyond the bytes given, and every refusal is
a `ProtobufError` in the words of upstream's generated decoders.
Source: the protocol buffers documentation, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5

TRUNCATED: Final = "unexpected EOF"
NOT_TEXT: Final = "proto: invalid UTF-8 in string"
_MASK = (1 << 64) - 1
_LONGEST_VARINT = 10
SHORT: Final = tuple(bytes((value,)) for value in range(128))
"""The integers that take one byte."""


class ProtobufError(ValueError):
    """Bytes that are no such message, or an object that has no such encoding."""


def varint(value: int) -> bytes:
    """Return an integer of 64 bits; a negative one as its two's complement, in ten bytes."""
    if 0 <= value < 128:
        return SHORT[value]
    value &= _MASK
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the unsigned integer at `at` and where the next byte is. Raises `ProtobufError`."""
    value = shift = 0
    for byte in data[at : at + _LONGEST_VARINT]:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value & _MASK, at + shift // 7
    raise ProtobufError("proto: integer overflow" if shift == 7 * _LONGEST_VARINT else TRUNCATED)


def signed(value: int) -> int:
    """Return what 64 bits stand for as a two's complement."""
    return value - (1 << 64) if value >> 63 else value


def read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the bytes whose length stands at `at`, and where the next byte is. Raises `ProtobufError`."""
    size, at = read_varint(data, at)
    found = data[at : at + size]
    if len(found) != size:
        raise ProtobufError(TRUNCATED)
    return found, at + size


def skip(data: bytes, at: int, wire: int) -> int:
    """Return where the field after the one at `at` begins. Raises `ProtobufError`."""
    if wire == VARINT:
        return read_varint(data, at)[1]
    if wire == BYTES:
        return read_bytes(data, at)[1]
    if wire not in (FIXED32, FIXED64):
        raise ProtobufError(f"proto: illegal wireType {wire}")
    at += 8 if wire == FIXED64 else 4
    if at > len(data):
        raise ProtobufError(TRUNCATED)
    return at


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of every integer and length-delimited field, in order. Raises `ProtobufError`."""
    at, end = 0, len(data)
    while at < end:
        tag, at = read_varint(data, at)
        if tag & 7 == VARINT:
            number, at = read_varint(data, at)
            yield tag >> 3, number
        elif tag & 7 == BYTES:
            found, at = read_bytes(data, at)
            yield tag >> 3, found
        else:
            at = skip(data, at, tag & 7)


def tag(number: int, wire: int) -> bytes:
    """Return what a field begins with."""
    return varint(number << 3 | wire)


def delimited(number: int, data: bytes) -> bytes:
    """Return a length-delimited field."""
    return b"%b%b%b" % (tag(number, BYTES), varint(len(data)), data)
