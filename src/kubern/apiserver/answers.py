"""From objects and errors to HTTP answers: what the client accepts, headers, the one place where errors become Status.

Called by the pipeline and the verbs. What always holds: every answer to an API request, success or not, is made here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from kubern.api.codec import PROTOBUF, encode_yaml, protobuf
from kubern.api.codec.cbor import CBOR, CBOR_SEQUENCE, SELF_DESCRIBED, encode_json
from kubern.api.codec.protobuf import PREFIX
from kubern.base.errors import NotAcceptable, StatusError
from kubern.base.json import Obj
from kubern.http.answers import JSON_HEADERS
from kubern.http.contract import Response
from kubern.http.pieces import Body

YAML_HEADERS = (("content-type", "application/yaml"), ("cache-control", "no-cache, private"))
PROTOBUF_HEADERS = (("content-type", PROTOBUF), ("cache-control", "no-cache, private"))
CBOR_HEADERS = (("content-type", CBOR), ("cache-control", "no-cache, private"))

_ALL_WARNINGS, _ONE_WARNING = 4096, 256
"""Letters that all warnings of an answer may have, and each one when they are more, as upstream bounds them."""
SUPPORTED = ("application/json", "application/yaml", PROTOBUF)
_REMEMBERED = 256
"""Distinct Accept headers kept parsed; clients use a handful, the bound keeps a hostile one from filling memory."""


class Media(NamedTuple):
    """What a client accepts: an encoding and, with `transform`, `Table`, `PartialObjectMetadata` or `PartialObjectMetadataList`.

    `otherwise` is what it accepts besides protobuf, which not every kind has.
    """

    encoding: str = "application/json"
    transform: str = ""
    otherwise: Media | None = None


JSON = Media()


class Negotiator:
    """Chooses the media type of an answer from an Accept header; CBOR only where its feature gate is on."""

    def __init__(self, cbor: bool = False) -> None:
        self._cbor = cbor
        self._known: dict[str, Media] = {}

    def choose(self, accept: str) -> Media:
        """Return the first acceptable type that is served. Raises `NotAcceptable`."""
        media = self._known.get(accept)
        if media is None:
            media = _choose(accept, self._cbor)
            if len(self._known) < _REMEMBERED:
                self._known[accept] = media
        return media


def _choose(accept: str, cbor: bool = False) -> Media:
    if not accept:
        return JSON
    clauses = accept.split(",")
    for index, clause in enumerate(clauses):
        parts = [part.strip() for part in clause.split(";")]
        parameters = dict(part.split("=", 1) for part in parts[1:] if "=" in part)
        transform = parameters.get("as", "")
        if transform and (parameters.get("g"), parameters.get("v")) not in (("meta.k8s.io", "v1"), (None, "v1")):
            continue
        if transform not in ("", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"):
            continue
        if parts[0] in ("*/*", "application/*", "application/json"):
            return Media("application/json", transform)
        if parts[0] in ("application/yaml", "text/yaml", "application/x-yaml"):
            return Media("application/yaml", transform)
        if parts[0] == PROTOBUF and transform != "Table":
            return Media(PROTOBUF, transform, _besides(clauses[index + 1 :], cbor))
        if cbor and parts[0] in (CBOR, CBOR_SEQUENCE):
            return Media(CBOR, transform)
    raise not_acceptable((*SUPPORTED, CBOR) if cbor else SUPPORTED)


def _besides(clauses: Sequence[str], cbor: bool) -> Media | None:
    """Return the first other encoding than protobuf among the clauses that follow."""
    rest = [clause for clause in clauses if clause.split(";")[0].strip() != PROTOBUF]
    try:
        return _choose(",".join(rest), cbor) if rest else None
    except NotAcceptable:
        return None


def not_acceptable(supported: Sequence[str]) -> NotAcceptable:
    """Return the refusal of an Accept header that names nothing that is supported."""
    return NotAcceptable(f"only the following media types are accepted: {', '.join(supported)}")


def body_response(status: int, body: Body, media: Media = JSON, warnings: Sequence[str] = ()) -> Response:
    """Return JSON bytes as an answer in the encoding accepted, with upstream's `Warning` headers; protobuf bytes stay as they are."""
    headers: tuple[tuple[str, str], ...] = JSON_HEADERS
    if media.encoding != "application/json":
        headers, body = _encoded(bytes(body), media.encoding)
    if warnings:
        return Response(status, headers + warning_headers(warnings), body, True)
    return Response(status, headers, body, True)


def _encoded(body: bytes, encoding: str) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """Return headers and body of an answer that is not in JSON, or is for want of such an encoding of its kind."""
    if encoding == PROTOBUF:
        body = body if body.startswith(PREFIX) else _to_protobuf(body)
        return (PROTOBUF_HEADERS if body.startswith(PREFIX) else JSON_HEADERS), body
    if encoding == CBOR:
        return CBOR_HEADERS, body if body.startswith(SELF_DESCRIBED) else encode_json(body)
    return YAML_HEADERS, encode_yaml(orjson.loads(body))


def warning_headers(warnings: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the `Warning` headers: UTF-8, none with control characters, and cut short where all together are too long."""
    texts = [text for text in warnings if not any(unicodedata.category(letter) == "Cc" for letter in text)]
    if sum(map(len, texts)) > _ALL_WARNINGS:
        texts = [text if len(text) <= _ONE_WARNING else text[: _ONE_WARNING - 3] + "..." for text in texts]
    left, headers = _ALL_WARNINGS, []
    for text in texts:
        left -= len(text)
        if left < 0:
            break
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        # the HTTP layer writes a letter as one byte
        headers.append(("warning", f'299 - "{quoted}"'.encode(errors="replace").decode("latin-1")))
    return tuple(headers)


def _to_protobuf(body: bytes) -> bytes:
    """Return an object's JSON in protobuf; as it was for a kind that has no such encoding."""
    obj = orjson.loads(body)
    return protobuf().encode(obj) if protobuf().supports(obj["apiVersion"], obj["kind"]) else body


def object_response(status: int, obj: Obj, media: Media = JSON, warnings: Sequence[str] = ()) -> Response:
    """Return an object as an answer."""
    return body_response(status, orjson.dumps(obj), media, warnings)


def error_response(error: StatusError, media: Media = JSON) -> Response:
    """Return the `Status` of an error."""
    response = object_response(error.code, error.status(), media, error.warnings)
    if error.retry_after:
        return response._replace(headers=(*response.headers, ("retry-after", str(error.retry_after))))
    return response


def success(details: Obj) -> Obj:
    """Return the `Status` of something that was done and leaves no object to show."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
