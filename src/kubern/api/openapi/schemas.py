"""The definitions in the shapes that the two OpenAPI versions give them.

The published file is JSON Schema with `null` allowed everywhere; here that is taken back. What always holds: the marks that
clients merge and explain by (`x-kubernetes-*`) are kept, and the input is not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kubern.api.schema.definitions import REFERENCE, Definitions
from kubern.base.json import Obj

INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def schema_v2(name: str, schema: Obj) -> Obj:
    """Return a definition as Swagger 2 has it."""
    converted = _convert(schema, _reference_v2)
    if name in (INT_OR_STRING, QUANTITY):
        converted.pop("oneOf", None)
        converted["type"] = "string"
        if name == INT_OR_STRING:
            converted["format"] = "int-or-string"
    return converted


def schema_v3(name: str, schema: Obj) -> Obj:
    """Return a definition as OpenAPI 3 has it."""
    converted = _convert(schema, _reference_v3)
    if name == INT_OR_STRING:
        converted |= {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"}
    elif name == QUANTITY:
        converted["oneOf"] = [{"type": "string"}, {"type": "number"}]
    return converted


def _reference_v2(name: str, rest: Obj) -> Obj:
    return rest | {"$ref": f"#/definitions/{name}"}


def _reference_v3(name: str, rest: Obj) -> Obj:
    # a `$ref` tolerates nothing beside it in version 3, so a description goes around it
    reference = {"$ref": f"#/components/schemas/{name}"}
    return rest | {"allOf": [reference]} if rest else reference


def _convert(schema: Obj, reference: Callable[[str, Obj], Obj]) -> Obj:
    result: Obj = {}
    for key, value in schema.items():
        if key == "type":
            result["type"] = next(t for t in value if t != "null") if isinstance(value, list) else value
        elif key == "properties":
            result["properties"] = {name: _property(name, one, reference) for name, one in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            result[key] = _convert(value, reference)
        elif key == "oneOf":
            result["oneOf"] = [_convert(one, reference) for one in value]
        elif key != "$ref":
            result[key] = value
    if "$ref" in schema:
        return reference(schema["$ref"].removeprefix(REFERENCE), result)
    return result


def _property(name: str, schema: Obj, reference: Callable[[str, Obj], Obj]) -> Obj:
    converted = _convert(schema, reference)
    if name in ("apiVersion", "kind"):
        converted.pop("enum", None)  # the published file's addition; upstream's documents leave these open
    return converted


def closure(names: Iterable[str], definitions: Definitions) -> list[str]:
    """Return the names and those of every definition that they lead to, sorted."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_references(definitions[name]))
    return sorted(found)


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        found = [name for value in node.values() for name in _references(value)]
        reference = node.get("$ref")
        return [*found, reference.removeprefix(REFERENCE)] if isinstance(reference, str) else found
    return [name for value in node for name in _references(value)] if isinstance(node, list) else []
