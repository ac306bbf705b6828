"""A structural schema compiled into checks of values, with upstream's messages.

Used by `StructuralSchema`. What always holds: values are only looked at; a schema is walked once, when it is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from kubern.api import field
from kubern.api.schema.structural_values import Check, Composite, number_check, text_check, where
from kubern.base.errors import Cause
from kubern.base.json import Obj

_WHOLE = 2**53


def compile_check(schema: Obj) -> Check:
    """Return the check of a schema: everything that applies to a value of its kind, also to one of a wrong type."""
    checks = [one for one in (make(schema) for make in _MAKERS) if one is not None]
    of_type, enum, nullable = _type(schema), _enum(schema), schema.get("nullable")

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if of_type is not None and not (value is None and nullable):
            of_type(value, path, causes)
        if value is None:
            if enum is not None:
                enum(value, path, causes)
            return
        for one in checks:
            one(value, path, causes)

    return check


def json_type(value: Any) -> str:
    """Return a value's JSON Schema type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return {str: "string", float: "number", list: "array", dict: "object"}.get(type(value), "object")


def _type(schema: Obj) -> Check | None:
    wanted = schema.get("type", "")
    allowed = {"integer", "string"} if schema.get("x-kubernetes-int-or-string") else {wanted}
    if allowed == {""}:
        return None
    named = ",".join(sorted(allowed))

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        found = json_type(value)
        if found in allowed or (found == "integer" and "number" in allowed):
            return
        if found == "number" and "integer" in allowed and value.is_integer():
            return
        causes.append(field.type_invalid(path, found, f"{where(path)} must be of type {named}: {field.quote(found)}"))

    return check


def _fields(schema: Obj) -> Check | None:
    properties = {key: compile_check(one) for key, one in schema.get("properties", {}).items()}
    more = schema.get("additionalProperties")
    other, closed = compile_check(more) if isinstance(more, dict) else None, more is False
    required = tuple(schema.get("required", ()))
    sized = _size(schema, "Properties", "properties")
    if not properties and other is None and not required and sized is None and not closed:
        return None

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if not isinstance(value, dict):
            return
        if sized is not None:
            sized(value, path, causes)
        for key, item in value.items():
            one = properties.get(key, other)
            if one is not None:
                one(item, _join(path, key), causes)
            elif closed and key not in properties:
                causes.append(field.invalid(path, key, f"{where(_join(path, key))} is a forbidden property"))
        causes.extend(field.required(_join(path, key)) for key in required if key not in value)

    return check


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _items(schema: Obj) -> Check | None:
    items = schema.get("items")
    item = compile_check(items) if isinstance(items, dict) else None
    sized = _size(schema, "Items", "items")
    if item is None and sized is None:
        return None

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if not isinstance(value, list):
            return
        if item is not None:
            for index, one in enumerate(value):
                item(one, f"{path}[{index}]", causes)
        if sized is not None:
            sized(value, path, causes)

    return check


def _enum(schema: Obj) -> Check | None:
    values = schema.get("enum")
    if not values:
        return None
    allowed = {_plain(value) for value in values}
    shown = [value if isinstance(value, str) else orjson.dumps(value).decode() for value in values]

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if _plain(value) not in allowed:
            causes.append(field.not_supported(path, value, shown))

    return check


def _plain(value: Any) -> bytes:
    # a number is the same with and without a fraction of zero
    whole = isinstance(value, float) and value.is_integer()
    return orjson.dumps(int(value) if whole and abs(value) < _WHOLE else value, option=orjson.OPT_SORT_KEYS)


def _size(schema: Obj, suffix: str, noun: str) -> Check | None:
    low, high = schema.get(f"min{suffix}"), schema.get(f"max{suffix}")
    if low is None and high is None:
        return None

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if low is not None and len(value) < low:
            causes.append(field.invalid(path, len(value), f"{where(path)} should have at least {low} {noun}"))
        if high is not None and len(value) > high:
            causes.append(field.too_many(path, len(value), high))

    return check


def _combinations(schema: Obj) -> Check | None:
    rules: list[tuple[str, list[Check]]] = [
        (name, [compile_check(one) for one in schema[name]]) for name in ("anyOf", "oneOf", "allOf") if schema.get(name)
    ]
    if isinstance(schema.get("not"), dict):
        rules.append(("not", [compile_check(schema["not"])]))
    if not rules:
        return None

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        for name, alternatives in rules:
            results = [_run(one, value, path) for one in alternatives]
            good = sum(not result for result in results)
            detail = _verdict(name, good, len(alternatives))
            if detail:
                composite = Composite(*field.invalid(path, "", f"{field.quote(path)} {detail}"))
                causes.extend(_told(name, composite, results))

    return check


def _told(name: str, composite: Cause, results: Sequence[list[Cause]]) -> Sequence[Cause]:
    """Return what is said of alternatives that do not hold as they should: of several, the first one's faults stand for all."""
    faults = [result for result in results if result]
    if name == "allOf":
        return [*(cause for result in faults for cause in result), composite]
    if name == "not" or len(faults) < len(results):
        return [composite]
    return [composite, *faults[0]]


def _run(check: Check, value: Any, path: str) -> list[Cause]:
    causes: list[Cause] = []
    check(value, path, causes)
    return causes


def _verdict(name: str, good: int, count: int) -> str:
    """Return what upstream says when `good` of `count` alternatives hold; nothing when that is as it should be."""
    if name == "allOf" and good < count:
        return f"must validate all the schemas (allOf){'' if good else '. None validated'}"
    if name == "anyOf" and not good:
        return "must validate at least one schema (anyOf)"
    if name == "oneOf" and good != 1:
        found = f"Found {good} valid alternatives" if good else "Found none valid"
        return f"must validate one and only one schema (oneOf). {found}"
    return "must not validate the schema (not)" if name == "not" and good else ""


_MAKERS: tuple[Callable[[Obj], Check | None], ...] = (_combinations, text_check, number_check, _items, _enum, _fields)
