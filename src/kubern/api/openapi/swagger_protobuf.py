"""The OpenAPI 2 document in protobuf, the only form that kubectl asks for when it checks a file by itself. Pure.

Called with the JSON document that `OpenAPI.swagger` makes, and with what other servers add to it. The field numbers are those of the
published `openapi.v2` messages; only what documents of Kubernetes hold is written. A document may be written in parts.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from kubern.base.json import Obj

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
ANSWERED_AS = MEDIA_TYPE.replace("@", ".")
"""What the answer calls it: an `@` is no part of a media type, and clients written in Go refuse it there."""
_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "options": 6, "head": 7, "patch": 8}
_WHERE = {"header": 1, "formData": 2, "query": 3, "path": 4}
"""A parameter's place is the number of its message in NonBodyParameter."""
_DOUBLES = {"multipleOf": 6, "maximum": 7, "minimum": 9}
_FLAGS = {"exclusiveMaximum": 8, "exclusiveMinimum": 10, "uniqueItems": 16}
_NUMBERS = {
    "maxLength": 11, "minLength": 12, "maxItems": 14, "minItems": 15, "maxProperties": 17, "minProperties": 18,
}  # fmt: skip
_SHIFTED = ("query", "formData")
"""These two have `allowEmptyValue` as number 5, so what follows counts one further."""


def encode(document: Obj) -> bytes:
    """Return a Swagger document as an `openapi.v2.Document` message."""
    return b"".join(
        (
            _text(1, document.get("swagger")),
            _message(2, _info(document["info"])) if "info" in document else b"",
            _message(8, _named(2, document.get("paths") or {}, _path_item)),
            _message(9, _named(1, document.get("definitions") or {}, _schema)),
            _message(13, _named(1, document.get("securityDefinitions") or {}, _security)),
        )
    )


def _info(info: Obj) -> bytes:
    return _text(1, info["title"]) + _text(2, info["version"])


def _security(definition: Obj) -> bytes:
    key = ("type", "name", "in", "description")
    return _message(2, b"".join(_text(n, definition.get(name)) for n, name in enumerate(key, 1)))


def _path_item(item: Obj) -> bytes:
    operations = b"".join(_message(_METHODS[name], _operation(item[name])) for name in item if name in _METHODS)
    return operations + b"".join(_message(9, _parameter(each)) for each in item.get("parameters") or ())


def _operation(operation: Obj) -> bytes:
    responses = _named(1, operation.get("responses") or {}, _response)
    return b"".join(
        (
            _texts(1, operation.get("tags")),
            _text(3, operation.get("description")),
            _text(5, operation.get("operationId")),
            _texts(6, operation.get("produces")),
            _texts(7, operation.get("consumes")),
            *(_message(8, _parameter(each)) for each in operation.get("parameters") or ()),
            _message(9, responses),
            _extensions(13, operation),
        )
    )


def _response(response: Obj) -> bytes:
    schema = _message(2, _message(1, _schema(response["schema"]))) if "schema" in response else b""
    return _message(1, _text(1, response.get("description")) + schema)


def _parameter(parameter: Obj) -> bytes:
    if "$ref" in parameter:
        return _message(2, _text(1, parameter["$ref"]))
    if parameter["in"] == "body":
        body = b"".join(
            (
                _text(1, parameter.get("description")),
                _text(2, parameter["name"]),
                _text(3, "body"),
                _flag(4, parameter.get("required")),
                _message(5, _schema(parameter.get("schema") or {})),
            )
        )
        return _message(1, _message(1, body))
    shift = parameter["in"] in _SHIFTED
    plain = b"".join(
        (
            _flag(1, parameter.get("required")),
            _text(2, parameter["in"]),
            _text(3, parameter.get("description")),
            _text(4, parameter["name"]),
            _text(5 + shift, parameter.get("type")),
            _text(6 + shift, parameter.get("format")),
            _flag(19 + shift, parameter.get("uniqueItems")),
        )
    )
    return _message(1, _message(2, _message(_WHERE[parameter["in"]], plain)))


def _schema(schema: Obj) -> bytes:
    more = schema.get("additionalProperties")
    kind = schema.get("type")
    items = schema.get("items")
    return b"".join(
        (
            _text(1, schema.get("$ref")),
            _text(2, schema.get("format")),
            _text(3, schema.get("title")),
            _text(4, schema.get("description")),
            _any(5, schema["default"]) if "default" in schema else b"",
            *(_double(n, schema[name]) for name, n in _DOUBLES.items() if name in schema),
            *(_flag(n, schema[name]) for name, n in _FLAGS.items() if name in schema),
            *(_number(n, schema[name]) for name, n in _NUMBERS.items() if name in schema),
            _text(13, schema.get("pattern")),
            _texts(19, schema.get("required")),
            b"".join(_any(20, value) for value in schema.get("enum") or ()),
            _message(21, _message(1, _schema(more)) if isinstance(more, dict) else _flag(2, more))
            if more is not None
            else b"",
            _message(22, _texts(1, [kind] if isinstance(kind, str) else kind)) if kind else b"",
            _message(23, _message(1, _schema(items))) if items is not None else b"",
            *(_message(24, _schema(each)) for each in schema.get("allOf") or ()),
            _message(25, _named(1, schema["properties"], _schema)) if schema.get("properties") else b"",
            _extensions(31, schema),
        )
    )


def _extensions(number: int, holder: Mapping[str, Any]) -> bytes:
    """Write every `x-…` of an object."""
    found = (name for name in holder if name.startswith("x-"))
    return b"".join(_message(number, _text(1, name) + _any(2, holder[name])) for name in found)


def _named(number: int, values: Mapping[str, Any], encode_one: Callable[[Any], bytes]) -> bytes:
    """Write a map as its entries: name and value."""
    return b"".join(_message(number, _text(1, name) + _message(2, encode_one(value))) for name, value in values.items())


def _any(number: int, value: Any) -> bytes:
    """Write a value of any shape: as YAML, of which JSON is a part."""
    return _message(number, _text(2, orjson.dumps(value).decode() + "\n"))


def _texts(number: int, values: Iterable[str] | None) -> bytes:
    return b"".join(_text(number, value) for value in values or ())


def _text(number: int, value: str | None) -> bytes:
    return _message(number, value.encode()) if value else b""


def _flag(number: int, value: bool | None) -> bytes:
    return _varint(number << 3) + b"\1" if value else b""


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value & (1 << 64) - 1)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)
