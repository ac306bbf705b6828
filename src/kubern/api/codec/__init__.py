"""Encodings: request bodies in JSON, YAML and protobuf to objects, with bounds and upstream's refusals; objects to YAML and protobuf."""

from kubern.api.codec.body import (
    ACCEPTED,
    Decoded,
    decode,
    decode_any,
    encode_yaml,
    media_type,
    unrecognized,
    unsupported,
)
from kubern.api.codec.protobuf import PROTOBUF, Protobuf, encode_watch_event, protobuf
from kubern.api.codec.protobuf_wire import ProtobufError

__all__ = [
    "ACCEPTED",
    "PROTOBUF",
    "Decoded",
    "Protobuf",
    "ProtobufError",
    "decode",
    "decode_any",
    "encode_watch_event",
    "encode_yaml",
    "media_type",
    "protobuf",
    "unrecognized",
    "unsupported",
]
