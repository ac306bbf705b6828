"""CBOR (RFC 8949) in place of JSON: objects out and in, one to one with their JSON. Source: KEP-4222.

Called where a client asks for `application/cbor`, behind the feature gate CBORServingAndStorage. What always holds: an encoded
object begins with the tag by which CBOR describes itself; a decoded one can be encoded as JSON.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import orjson

CBOR, CBOR_SEQUENCE, APPLY_CBOR = "application/cbor", "application/cbor-seq", "application/apply-patch+cbor"
SELF_DESCRIBED = b"\xd9\xd9\xf7"
DEEPEST = 64
_BYTES_AS_BASE64 = 22
_MAP_OF_TWO = b"\xa2"


class CborError(ValueError):
    """A body that is no CBOR, or holds what JSON cannot."""


def encode(obj: Any) -> bytes:
    """Return a JSON value as CBOR."""
    import cbor2  # loaded by those who use it

    return SELF_DESCRIBED + cbor2.dumps(obj)


def encode_json(body: bytes) -> bytes:
    """Return a JSON document as CBOR."""
    return encode(orjson.loads(body))


def encode_watch_event(kind: str, obj: bytes) -> bytes:
    """Return an event of a watch whose object is encoded already."""
    import cbor2

    head = cbor2.dumps("type") + cbor2.dumps(kind) + cbor2.dumps("object")
    return SELF_DESCRIBED + _MAP_OF_TWO + head + obj.removeprefix(SELF_DESCRIBED)


def decode(body: bytes) -> Any:
    """Return the value in a body. Raises `CborError`."""
    import cbor2

    try:
        value = cbor2.loads(body)
    except (cbor2.CBORDecodeError, ValueError, RecursionError, OverflowError, MemoryError, TypeError) as error:
        raise CborError(f"cbor: {error}") from error
    return _plain(value, DEEPEST)


def _plain(value: Any, depth: int) -> Any:
    """Return a decoded value as JSON has it: byte strings are text, and in base64 where the sender says so."""
    import cbor2

    if not depth:
        raise CborError(f"cbor: exceeded max nested level {DEEPEST}")
    if isinstance(value, Mapping):
        return {_key(key): _plain(one, depth - 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, depth - 1) for one in value]
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, cbor2.CBORTag):
        return _tagged(value, depth)
    if isinstance(value, float) and not math.isfinite(value):
        raise CborError("cbor: floats must be finite")
    if isinstance(value, int) and not isinstance(value, bool) and not -(1 << 63) <= value < 1 << 63:
        raise CborError("cbor: integers must fit into 64 bits")
    if value is None or isinstance(value, str | int | float):
        return value
    raise CborError(f"cbor: {type(value).__name__} has no counterpart in JSON")


def _tagged(value: Any, depth: int) -> Any:
    if value.tag == _BYTES_AS_BASE64 and isinstance(value.value, bytes):
        return base64.b64encode(value.value).decode()
    if value.tag == 55799:
        return _plain(value.value, depth - 1)
    raise CborError(f"cbor: unsupported tag {value.tag}")


def _key(key: Any) -> str:
    if isinstance(key, bytes):
        return _text(key)
    if not isinstance(key, str):
        raise CborError("cbor: keys of maps must be strings")
    return key


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise CborError("cbor: strings must be UTF-8") from error
