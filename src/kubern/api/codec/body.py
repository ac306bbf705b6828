"""Request bodies: from bytes and a Content-Type to an object.

Called by the apiserver for every body. What always holds: the object can be encoded as JSON, and no two places in it share
a part, so that decoding may work in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
import yaml

from kubern.api import field
from kubern.api.codec.cbor import APPLY_CBOR, CBOR, CborError
from kubern.api.codec.cbor import decode as decode_cbor
from kubern.api.codec.json_body import BodyError, duplicate_fields, parse_json
from kubern.api.codec.protobuf import PROTOBUF, UnreadableObject, protobuf
from kubern.api.codec.protobuf_wire import ProtobufError
from kubern.api.codec.yaml_body import parse_yaml, resolve
from kubern.api.schema.slow import json_kind
from kubern.base.errors import BadRequest, UnsupportedMediaType
from kubern.base.json import Obj

JSON = "application/json"
ACCEPTED = (JSON, "application/yaml", PROTOBUF)
_SHOWN = 30
_HEADER = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'


class Decoded(NamedTuple):
    """An object, and what strict decoding says of keys that were given twice (`duplicate field "spec.x"`)."""

    obj: Obj
    duplicates: list[str]


def media_type(content_type: str) -> str:
    """Return a Content-Type without its parameters, in lower case; JSON when there is none."""
    return content_type.partition(";")[0].strip().lower() or JSON


def decode(body: bytes, content_type: str, kind: str) -> Decoded:
    """Return the object in a body; `kind` is the one expected, for the refusal.

    Raises `UnsupportedMediaType` for another encoding than JSON, YAML, protobuf and CBOR, `BadRequest` for what cannot be parsed.
    """
    if media_type(content_type) not in (*ACCEPTED, CBOR):
        raise unsupported(ACCEPTED)
    value, duplicates = decode_any(body, content_type, kind)
    if not isinstance(value, dict):
        shown = f"json: cannot unmarshal {json_kind(value)} into Go value of type {_HEADER}"
        raise unrecognized(kind, body, f"couldn't get version/kind; json parse error: {shown}")
    return Decoded(value, duplicates)


def decode_any(body: bytes, content_type: str, kind: str) -> tuple[Any, list[str]]:
    """Return whatever value is in a body, a JSON patch's list too. Raises as `decode`."""
    media = media_type(content_type)
    try:
        if media == JSON or media.endswith("+json"):
            parsed = parse_json(body)
            return parsed, [f"duplicate field {field.quote(path)}" for path in duplicate_fields(body, parsed)]
        if media == "application/yaml" or media.endswith("+yaml"):
            parsed, doubled = parse_yaml(body)
            return parsed, ["yaml: unmarshal errors:\n  " + "\n  ".join(doubled)] if doubled else []
        if media == PROTOBUF:
            return protobuf().decode(body), []
        if media in (CBOR, APPLY_CBOR):
            return decode_cbor(body), []
    except UnreadableObject as error:
        said = f'{error.kind} in version "{error.version}" cannot be handled as a {kind}: {error}'
        raise BadRequest(said) from error
    except (BodyError, ProtobufError, CborError) as error:
        raise unrecognized(kind, body, str(error)) from error
    raise unsupported(ACCEPTED)


def unsupported(accepted: Sequence[str]) -> UnsupportedMediaType:
    """Return the refusal of a body that is in none of the encodings `accepted`."""
    return UnsupportedMediaType(
        f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    )


def unrecognized(kind: str, body: bytes, reason: str) -> BadRequest:
    """Return the refusal of a body that is no object of this kind."""
    return BadRequest(f"the object provided is unrecognized (must be of type {kind}): {reason} ({_summary(body)})")


def _summary(body: bytes) -> str:
    """Return the beginning of a body as upstream shows it: as text if it looks like JSON, else in hexadecimal."""
    if not body:
        return "<empty>"
    more = " ..." if len(body) > _SHOWN else ""
    shown = body[:_SHOWN].decode(errors="replace") if body[:1] == b"{" else body[:_SHOWN].hex()
    return shown + more


class _Dumper(yaml.CSafeDumper):
    """Writes YAML, with quotes around every string that would be read as something else by upstream's rules."""


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = "" if isinstance(resolve(text, finite=False), str) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style or None)


_Dumper.add_representer(str, _text)


def encode_yaml(obj: Any) -> bytes:
    """Return an object as YAML, its keys in order, as upstream answers `Accept: application/yaml`."""
    # the round trip takes away parts that are shared, which YAML would write as aliases
    text: str = yaml.dump(orjson.loads(orjson.dumps(obj)), Dumper=_Dumper, allow_unicode=True)
    return text.encode()
