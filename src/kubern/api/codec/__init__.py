"""Encodings: request bodies in JSON and YAML to objects, with bounds and upstream's refusals."""

from kubern.api.codec.body import ACCEPTED, Decoded, decode, decode_any, encode_yaml, media_type

__all__ = ["ACCEPTED", "Decoded", "decode", "decode_any", "encode_yaml", "media_type"]
