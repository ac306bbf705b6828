"""What a schema must be like to be structural: the checks of a CustomResourceDefinition's `openAPIV3Schema`, in upstream's words.

Called by the definition's validation. What always holds: a schema is only looked at, at most `DEEPEST` levels down. Source: the
Kubernetes documentation, "Specifying a structural schema"; KEP-1111.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubern.api import field
from kubern.api.rules.crd_lists import check_list
from kubern.api.schema.structural_checks import compile_check
from kubern.api.schema.structural_lists import lists_check
from kubern.api.schema.structural_values import Composite
from kubern.base.errors import Cause
from kubern.base.json import Obj
from kubern.base.regex import compile_re2

TYPES = ("array", "boolean", "integer", "number", "object", "string")
ROOT, FIELD, ITEM = "at the root", "for specified object fields", "for specified array items"
DEEPEST = 200

_UNSUPPORTED = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")
_OUTSIDE = (
    "type", "default", "nullable", "description", "title", "additionalProperties", "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string", "x-kubernetes-list-type", "x-kubernetes-map-type",
)  # fmt: skip
"""What may not stand in the branches of `allOf`, `anyOf`, `oneOf` and `not`."""
_NUMBER = int | float
_SHAPES: dict[str, Any] = {
    **dict.fromkeys(("type", "format", "pattern", "description", "title", "x-kubernetes-list-type", "x-kubernetes-map-type"), str),
    **dict.fromkeys(("properties", "not"), dict),
    **dict.fromkeys(
        ("required", "enum", "allOf", "anyOf", "oneOf", "x-kubernetes-list-map-keys", "x-kubernetes-validations"), list
    ),
    **dict.fromkeys(("minimum", "maximum", "multipleOf"), _NUMBER),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), int
    ),
    **dict.fromkeys(
        ("nullable", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum", "x-kubernetes-preserve-unknown-fields",
         "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string"), bool
    ),
    "items": dict | list,
    "additionalProperties": dict | bool,
}  # fmt: skip
_NAMES: dict[Any, str] = {
    str: "string", dict: "object", list: "array", int: "integer", bool: "boolean", _NUMBER: "number",
    dict | list: "object", dict | bool: "object",
}  # fmt: skip
_NOT_AT_ROOT = (
    "additionalProperties", "allOf", "anyOf", "oneOf", "not", "enum", "default", "nullable", "maxProperties", "minProperties",
    "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
)  # fmt: skip
_AT_ROOT = (
    "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems "
    "UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations]"
)
_EMBEDDED = "x-kubernetes-embedded-resource"
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = "x-kubernetes-int-or-string"


def check_schema(schema: Any, path: str, has_status: bool = False) -> list[Cause]:
    """Return what is wrong with a version's schema; with a status of its own, its root may say less."""
    causes = list(_check(schema, path, ROOT, 0))
    if not isinstance(schema, dict):
        return causes
    if has_status and (first := next((key for key in _NOT_AT_ROOT if schema.get(key)), None)):
        message = f"only {_AT_ROOT} fields are allowed at the root of the schema if the status subresource is enabled"
        causes.append(field.invalid(path, {first: schema[first]}, message))
    if schema.get("nullable"):
        causes.append(field.forbidden(f"{path}.nullable", "nullable cannot be true at the root"))
    return causes


def _check(schema: Any, path: str, level: str, depth: int) -> Iterator[Cause]:
    if not isinstance(schema, dict) or depth > DEEPEST:
        yield field.invalid(path, schema if depth <= DEEPEST else "", "must be a schema object of bounded depth")
        return
    malformed = list(_shape(schema, path))
    if malformed:
        yield from malformed
        return
    yield from _own(schema, path)
    yield from _type(schema, path, level)
    if level == ROOT or schema.get(_EMBEDDED):
        yield from _identity(schema, path)
    yield from check_list(schema, path)
    yield from _default(schema, path, level)
    yield from _branches(schema, path)
    for name, one in (schema.get("properties") or {}).items():
        yield from _check(one, f"{path}.properties[{name}]", FIELD, depth + 1)
    if isinstance(schema.get("items"), dict):
        yield from _check(schema["items"], f"{path}.items", ITEM, depth + 1)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _check(schema["additionalProperties"], f"{path}.additionalProperties", FIELD, depth + 1)


def _shape(schema: Obj, path: str) -> Iterator[Cause]:
    """Yield what is of another JSON type than it has to be: a schema in `items` is looked at by nobody before."""
    for key, kind in _SHAPES.items():
        value = schema.get(key)
        if value is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind in (int, _NUMBER))):
            yield field.invalid(f"{path}.{key}", value, f"must be of type {_NAMES[kind]}")
    for key in ("allOf", "anyOf", "oneOf"):
        for index, one in enumerate(schema.get(key) or ()):
            if not isinstance(one, dict):
                yield field.invalid(f"{path}.{key}[{index}]", one, "must be of type object")


def _own(schema: Obj, path: str) -> Iterator[Cause]:
    """Yield what a schema holds that no structural one may."""
    for key in _UNSUPPORTED:
        if schema.get(key):
            yield field.forbidden(f"{path}.{key}", f"{key} is not supported")
    if schema.get("uniqueItems"):
        message = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield field.forbidden(f"{path}.uniqueItems", message)
    more = schema.get("additionalProperties")
    if more is not None and schema.get("properties"):
        message = "additionalProperties and properties are mutual exclusive"
        yield field.forbidden(f"{path}.additionalProperties", message)
    if isinstance(schema.get("items"), list):
        yield field.forbidden(f"{path}.items", "items must be a schema object and not an array")
    if schema.get(_PRESERVE) is False:
        yield field.invalid(f"{path}.{_PRESERVE}", False, "must be true or undefined")
    if schema.get("pattern"):
        yield from _pattern(schema["pattern"], f"{path}.pattern")


def _pattern(pattern: str, path: str) -> Iterator[Cause]:
    try:
        compile_re2(pattern)
    except ValueError as error:
        yield field.invalid(path, pattern, f"must be a valid regular expression, but isn't: {error}")


def _type(schema: Obj, path: str, level: str) -> Iterator[Cause]:
    kind, here = schema.get("type") or "", f"{path}.type"
    free = schema.get(_INT_OR_STRING) or schema.get(_PRESERVE)
    if schema.get(_EMBEDDED) and kind != "object":
        message = "must be object if x-kubernetes-embedded-resource is true"
        yield field.invalid(here, kind, message) if kind else field.required(here, message)
    elif not kind and not free:
        yield field.required(here, f"must not be empty {level}")
    elif kind == "null":
        yield field.not_supported(here, kind, TYPES)
        yield field.forbidden(here, "type cannot be set to null, use nullable as an alternative")
    elif kind and kind not in TYPES:
        yield field.not_supported(here, kind, TYPES)
    if kind == "array" and schema.get("items") is None:
        yield field.required(f"{path}.items", "must be specified")
    if level == ROOT and kind and kind != "object":
        yield field.invalid(here, kind, "must be object at the root")


def _identity(schema: Obj, path: str) -> Iterator[Cause]:
    """Yield what is wrong with the fields that every object has, at the root or in an embedded object."""
    properties = schema.get("properties") or {}
    if schema.get(_EMBEDDED):
        if schema.get("additionalProperties") is not None:
            yield field.forbidden(
                f"{path}.additionalProperties", "must not be used if x-kubernetes-embedded-resource is set"
            )
        if not properties and not schema.get(_PRESERVE):
            message = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
            yield field.required(f"{path}.properties", message)
    for name, kind in (("kind", "string"), ("apiVersion", "string"), ("metadata", "object")):
        given = (properties.get(name) or {}).get("type") or ""
        if name in properties and given != kind:
            yield field.invalid(f"{path}.properties[{name}].type", given, f"must be {kind}")
    metadata = properties.get("metadata") or {}
    named = set(metadata.get("properties") or {}) <= {"name", "generateName"}
    if not named or metadata.get("additionalProperties") is not None or metadata.get(_PRESERVE):
        message = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        yield field.forbidden(f"{path}.properties[metadata]", message)


def _default(schema: Obj, path: str, level: str) -> Iterator[Cause]:
    """Yield what is wrong with a default: it has to be valid by its own schema."""
    if "default" not in schema:
        return
    if level == ROOT:
        yield field.forbidden(f"{path}.default", "must not be set at the root")
    value = schema["default"]
    if value is None:
        if not schema.get("nullable"):
            yield field.invalid(f"{path}.default", "null", "must not be null")
        return
    causes: list[Cause] = []
    here = f"{path}.default"
    compile_check(schema)(value, "", causes)
    lists = lists_check(schema)
    if lists is not None and isinstance(value, dict):
        lists(value, "", causes)
    # their texts name places inside the value alone
    for cause in causes:
        inside = "" if isinstance(cause, Composite) else cause.field
        yield cause._replace(field=f"{here}.{inside}" if inside and inside[0] != "[" else here + inside)


def _branches(schema: Obj, path: str) -> Iterator[Cause]:
    """Yield what stands in a logical branch and belongs outside of it."""
    for name in ("allOf", "anyOf", "oneOf"):
        for index, branch in enumerate(schema.get(name) or ()):
            yield from _branch(branch, f"{path}.{name}[{index}]", schema)
    if isinstance(schema.get("not"), dict):
        yield from _branch(schema["not"], f"{path}.not", schema)


def _branch(branch: Any, path: str, schema: Obj, depth: int = 0) -> Iterator[Cause]:
    if not isinstance(branch, dict) or depth > DEEPEST:
        return
    for key in _OUTSIDE:
        if branch.get(key) is None or (
            key == "type" and schema.get(_INT_OR_STRING) and branch[key] in ("integer", "string")
        ):
            continue
        if branch[key] not in ("", False):
            yield field.forbidden(f"{path}.{key}", "must be empty to be structural")
    properties = schema.get("properties") or {}
    for name, one in (branch.get("properties") or {}).items():
        yield from _branch(one, f"{path}.properties[{name}]", properties.get(name) or {}, depth + 1)
    yield from _nested(branch, path, schema, depth)


def _nested(branch: Obj, path: str, schema: Obj, depth: int) -> Iterator[Cause]:
    for name in ("allOf", "anyOf", "oneOf"):
        for index, one in enumerate(branch.get(name) or ()):
            yield from _branch(one, f"{path}.{name}[{index}]", schema, depth + 1)
    if branch.get("not"):
        yield from _branch(branch["not"], f"{path}.not", schema, depth + 1)
    if branch.get("items"):
        yield from _branch(branch["items"], f"{path}.items", schema.get("items") or {}, depth + 1)
