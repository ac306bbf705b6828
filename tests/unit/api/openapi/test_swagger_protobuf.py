"""OpenAPI 2 in protobuf, read back by a plain reader of the wire format."""

import struct

from kubern.api.openapi.swagger_protobuf import encode


def fields(data):
    """Return (number, value) of a message's fields; a length-delimited value as bytes."""
    found, at = [], 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            found.append((key >> 3, varint()))
        else:
            length = varint()
            found.append((key >> 3, data[at : at + length]))
            at += length
    return found


def one(data, *numbers):
    """Return the value at a path of field numbers."""
    for number in numbers:
        (data,) = [value for held, value in fields(data) if held == number][:1]
    return data


DOCUMENT = {
    "swagger": "2.0",
    "info": {"title": "Kubernetes", "version": "v1.36.0"},
    "paths": {
        "/api/v1/pods": {
            "get": {
                "operationId": "listPods",
                "parameters": [{"name": "limit", "in": "query", "type": "integer", "uniqueItems": True}],
                "responses": {"200": {"description": "OK", "schema": {"$ref": "#/definitions/Pod"}}},
                "x-kubernetes-action": "list",
            }
        }
    },
    "definitions": {
        "Pod": {
            "type": "object",
            "required": ["spec"],
            "properties": {"labels": {"type": "object", "additionalProperties": {"type": "string"}}},
            "x-kubernetes-group-version-kind": [{"group": "", "kind": "Pod", "version": "v1"}],
        }
    },
}


def test_a_definition_keeps_its_shape_and_its_kind():
    pod = one(encode(DOCUMENT), 9, 1, 2)
    assert one(encode(DOCUMENT), 9, 1, 1) == b"Pod"
    assert one(pod, 19) == b"spec"
    assert one(pod, 22, 1) == b"object"
    assert one(pod, 25, 1, 1) == b"labels"
    assert one(pod, 25, 1, 2, 21, 1, 22, 1) == b"string"
    assert one(pod, 31, 1) == b"x-kubernetes-group-version-kind"
    assert one(pod, 31, 2, 2) == b'[{"group":"","kind":"Pod","version":"v1"}]\n'


def test_an_operation_keeps_its_parameters_and_answers():
    path = one(encode(DOCUMENT), 8, 2)
    operation = one(path, 2, 2)
    assert one(path, 1) == b"/api/v1/pods"
    assert one(operation, 5) == b"listPods"
    limit = one(operation, 8, 1, 2, 3)
    assert (one(limit, 2), one(limit, 4), one(limit, 6), one(limit, 20)) == (b"query", b"limit", b"integer", 1)
    assert one(operation, 9, 1, 2, 1, 2, 1, 1) == b"#/definitions/Pod"


def test_limits_of_a_schema_are_written():
    schema = {"title": "t", "pattern": "^a", "minLength": 1, "maxItems": 300, "minimum": -1, "exclusiveMinimum": True}
    encoded = encode({"swagger": "2.0", "definitions": {"A": schema}})
    body = one(encoded, 9, 1, 2)
    number = body.index(b"\x49") + 1  # field 9, fixed64
    assert struct.unpack("<d", body[number : number + 8]) == (-1.0,)
    rest = dict(fields(body[: number - 1] + body[number + 8 :]))
    assert rest == {3: b"t", 13: b"^a", 12: 1, 14: 300, 10: 1}
