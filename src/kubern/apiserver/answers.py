"""From objects and errors to HTTP answers: what the client accepts, headers, the one place where errors become Status.

Called by the pipeline and the verbs. What always holds: every answer to an API request, success or not, is made here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
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

    `otherwise` is what it accepts besides protobuf, which not every kind has; `version` is that of `transform` in meta.k8s.io.
    """

    encoding: str = "application/json"
    transform: str = ""
    otherwise: Media | None = None
    version: str = "v1"


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


class Clause(NamedTuple):
    """One media range of an Accept header."""

    type: str
    parameters: Mapping[str, str]
    weight: float = 1.0


_KINDS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
_VERSIONS = ("v1", "v1beta1")


def clauses_of(accept: str) -> list[Clause]:
    """Return the media ranges of an Accept header, those with the most weight first, of equal ones the particular before the wild."""
    found = [clause for part in accept.split(",") if (clause := _clause(part))]
    return sorted(found, key=lambda clause: (-clause.weight, clause.type == "*/*", clause.type.endswith("/*")))


def _clause(text: str) -> Clause | None:
    name, *rest = (part.strip() for part in text.split(";"))
    name = "*/*" if name == "*" else name
    if name.count("/") != 1:
        return None
    pairs = [[side.strip() for side in part.split("=")] for part in rest]
    parameters = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    try:
        weight = float(parameters.pop("q", "1"))
    except ValueError:
        weight = 0.0
    return Clause(name, parameters, weight)


def _choose(accept: str, cbor: bool = False) -> Media:
    if not accept:
        return JSON
    clauses = clauses_of(accept)
    for index, clause in enumerate(clauses):
        media = _of_clause(clause, cbor)
        if media is None:
            continue
        if media.encoding == PROTOBUF:
            return media._replace(otherwise=_besides(clauses[index + 1 :], cbor))
        return media
    raise not_acceptable((*SUPPORTED, CBOR) if cbor else SUPPORTED)


def _of_clause(clause: Clause, cbor: bool) -> Media | None:
    """Return what is served for one media range; None when it is nothing."""
    if clause.parameters.get("stream", "") not in ("", "watch") or clause.parameters.get("sv", "") not in ("", "v1"):
        return None
    transform, version = clause.parameters.get("as", ""), clause.parameters.get("v", "v1")
    if {"as", "g", "v"} & clause.parameters.keys():
        group, named = clause.parameters.get("g"), clause.parameters.get("v")
        if group != "meta.k8s.io" or named not in _VERSIONS or transform not in _KINDS:
            return None
    if clause.type in ("*/*", "application/*", "application/json"):
        return Media("application/json", transform, None, version)
    if clause.type == "application/yaml":
        return Media("application/yaml", transform, None, version)
    if clause.type == PROTOBUF and transform != "Table":
        return Media(PROTOBUF, transform, None, version)
    return Media(CBOR, transform, None, version) if cbor and clause.type in (CBOR, CBOR_SEQUENCE) else None


def _besides(clauses: Sequence[Clause], cbor: bool) -> Media | None:
    """Return the first other encoding than protobuf among the media ranges that follow."""
    found = (_of_clause(clause, cbor) for clause in clauses)
    return next((media for media in found if media and media.encoding != PROTOBUF), None)


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
