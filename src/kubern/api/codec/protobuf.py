"""Kubernetes' protobuf encoding of objects: the envelope, lists, and the frames of a watch.

Called by the apiserver for bodies and answers of `application/vnd.kubernetes.protobuf`. A body is `k8s\\0` and a message Unknown:
the object's apiVersion and kind, and the object's own message in bytes. What always holds: `decode(encode(obj)) == obj` but for
zero values that upstream's types leave out.
Source: the Kubernetes documentation, "API Concepts", and the published .proto files.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from kubern.api.codec.protobuf_wire import NOT_TEXT, ProtobufError, delimited, fields
from kubern.base.json import Obj

PROTOBUF = "application/vnd.kubernetes.protobuf"
PREFIX = b"k8s\x00"


class UnreadableObject(ProtobufError):
    """An object of a known kind whose message cannot be read."""

    def __init__(self, api_version: str, kind: str, why: str) -> None:
        super().__init__(why)
        self.version = api_version.rpartition("/")[2]
        self.kind = kind


class Protobuf:
    """The encoding, with everything that was made for the kinds met so far."""

    def __init__(self) -> None:
        # here, so that a start-up does not pay for what the first protobuf body needs
        from kubern.api.codec.protobuf_fields import Fields
        from kubern.api.codec.protobuf_messages import Messages

        self._fields = Fields()
        self._messages = Messages(self._fields)

    def supports(self, api_version: str, kind: str) -> bool:
        """Whether a kind has this encoding: built-in ones do, custom resources do not."""
        return bool(self._fields.key(api_version, kind))

    def decode(self, body: bytes) -> Obj:
        """Return the object in a body, in JSON's shape. Raises `ProtobufError`; an `UnreadableObject` once the kind is known."""
        api_version, kind, raw = _open(body)
        if not kind:
            raise ProtobufError("Object 'Kind' is missing in ''")
        key = self._fields.key(api_version, kind)
        if not key:
            why = f'no kind "{kind}" is registered for version "{api_version}"'
            raise UnreadableObject(api_version, kind, why)
        try:
            return {"kind": kind, "apiVersion": api_version} | self._messages.reader(key)(raw)
        except ProtobufError as error:
            raise UnreadableObject(api_version, kind, str(error)) from error

    def encode(self, obj: Obj) -> bytes:
        """Return an object as a body. Raises `ProtobufError` for a kind that has no message."""
        return self.envelope(obj["apiVersion"], obj["kind"], self.message(obj["apiVersion"], obj["kind"], obj))

    def message(self, api_version: str, kind: str, obj: Obj) -> bytes:
        """Return an object's message without its envelope, as it stands in a list; `obj` need not say its kind. Raises `ProtobufError`."""
        key = self._fields.key(api_version, kind)
        if not key:
            raise ProtobufError(f'no kind "{kind}" is registered for version "{api_version}"')
        return self._messages.writer(key)(obj)

    def envelope(self, api_version: str, kind: str, message: bytes) -> bytes:
        """Return a message as a body."""
        meta = delimited(1, api_version.encode()) + delimited(2, kind.encode())
        return b"%b%b%b\x1a\x00\x22\x00" % (PREFIX, delimited(1, meta), delimited(2, message))

    def encode_list(self, api_version: str, kind: str, metadata: Obj, items: Iterable[bytes]) -> bytes:
        """Return a list's body; `kind` is the list's and `items` are messages. Raises `ProtobufError`."""
        head = delimited(1, self._messages.writer("meta.v1.ListMeta")(metadata))
        return self.envelope(api_version, kind, head + b"".join([delimited(2, item) for item in items]))


def encode_watch_event(kind: str, body: bytes) -> bytes:
    """Return one frame of a watch: its length, and a WatchEvent without envelope that holds the object's whole body."""
    event = delimited(1, kind.encode()) + delimited(2, delimited(1, body))
    return len(event).to_bytes(4, "big") + event


@cache
def protobuf() -> Protobuf:
    """Return the one encoding of the process; it only ever grows by what it has compiled."""
    return Protobuf()


def _open(body: bytes) -> tuple[str, str, bytes]:
    """Return apiVersion, kind and message of a body. Raises `ProtobufError`."""
    if not body:
        raise ProtobufError("empty data")
    if not body.startswith(PREFIX):
        raise ProtobufError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    if len(body) == len(PREFIX):
        raise ProtobufError("empty body")
    meta = raw = b""
    for number, value in fields(body[len(PREFIX) :]):
        if isinstance(value, bytes):
            meta = value if number == 1 else meta
            raw = value if number == 2 else raw
    named = {number: value for number, value in fields(meta) if isinstance(value, bytes)}
    try:
        return named.get(1, b"").decode(), named.get(2, b"").decode(), raw
    except UnicodeDecodeError as error:
        raise ProtobufError(NOT_TEXT) from error
