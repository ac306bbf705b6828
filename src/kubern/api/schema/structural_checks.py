"""A structural schema compiled into checks of values, with upstream's messages.

Used by `StructuralSchema`. What always holds: values are only looked at; a schema is walked once, when it is compiled. An
unusual regular expression that Python does not know is not checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from kubern.api import field
from kubern.api.schema.formats import FORMATS
from kubern.base.errors import Cause
from kubern.base.json import Obj

Check = Callable[[Any, str, list[Cause]], None]
"""Looks at a value at a path and adds what is wrong to the list."""


def compile_check(schema: Obj) -> Check:
    """Return the check of a schema."""
    of_type = _type_check(schema)
    checks = [one for one in (make(schema) for make in _MAKERS) if one is not None]
    nullable = schema.get("nullable")

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if value is None and nullable:
            return
        if of_type is not None and not of_type(value, path, causes):
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


def _type_check(schema: Obj) -> Callable[[Any, str, list[Cause]], bool] | None:
    wanted = schema.get("type", "")
    allowed = {"integer", "string"} if schema.get("x-kubernetes-int-or-string") else {wanted}
    if allowed == {""}:
        return None
    named = ",".join(sorted(allowed))

    def check(value: Any, path: str, causes: list[Cause]) -> bool:
        found = json_type(value)
        if found in allowed or (found == "integer" and "number" in allowed):
            return True
        if found == "number" and "integer" in allowed and value.is_integer():
            return True
        causes.append(field.type_invalid(path, found, f"{_where(path)} must be of type {named}: {field.quote(found)}"))
        return False

    return check


def _where(path: str) -> str:
    return f"{path} in body"


def _fields(schema: Obj) -> Check | None:
    properties = {key: compile_check(one) for key, one in schema.get("properties", {}).items()}
    more = schema.get("additionalProperties")
    other = compile_check(more) if isinstance(more, dict) else None
    required = tuple(schema.get("required", ()))
    if not properties and other is None and not required:
        return None

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if not isinstance(value, dict):
            return
        for key in required:
            if key not in value:
                causes.append(field.required(_join(path, key)))
        for key, item in value.items():
            one = properties.get(key, other)
            if one is not None:
                one(item, _join(path, key), causes)

    return check


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _items(schema: Obj) -> Check | None:
    items = schema.get("items")
    if not isinstance(items, dict):
        return None
    item = compile_check(items)

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if isinstance(value, list):
            for index, one in enumerate(value):
                item(one, f"{path}[{index}]", causes)

    return check


def _enum(schema: Obj) -> Check | None:
    values = schema.get("enum")
    if not values:
        return None
    allowed = {orjson.dumps(value) for value in values}
    shown = [value if isinstance(value, str) else orjson.dumps(value).decode() for value in values]

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if orjson.dumps(value) not in allowed:
            causes.append(field.not_supported(path, value, shown))

    return check


def _number(schema: Obj) -> Check | None:
    tests: list[tuple[Callable[[Any], bool], str]] = []
    low, high, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
    if low is not None and schema.get("exclusiveMinimum"):
        tests.append((lambda value: value > low, f"greater than {_plain(low)}"))
    elif low is not None:
        tests.append((lambda value: value >= low, f"greater than or equal to {_plain(low)}"))
    if high is not None and schema.get("exclusiveMaximum"):
        tests.append((lambda value: value < high, f"less than {_plain(high)}"))
    elif high is not None:
        tests.append((lambda value: value <= high, f"less than or equal to {_plain(high)}"))
    if step:
        tests.append((lambda value: value % step == 0, f"a multiple of {_plain(step)}"))
    if not tests:
        return None

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            for test, relation in tests:
                if not test(value):
                    causes.append(field.invalid(path, value, f"{_where(path)} should be {relation}"))

    return check


def _plain(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def _text(schema: Obj) -> Check | None:
    low, high, pattern = schema.get("minLength"), schema.get("maxLength"), _pattern(schema.get("pattern"))
    known = FORMATS.get(schema.get("format", ""))
    if low is None and high is None and pattern is None and known is None:
        return None

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if not isinstance(value, str):
            return
        if high is not None and len(value) > high:
            causes.append(field.too_long(path, high))
        if low is not None and len(value) < low:
            causes.append(field.invalid(path, value, f"{_where(path)} should be at least {low} chars long"))
        if pattern is not None and not pattern.search(value):
            causes.append(field.invalid(path, value, f"{_where(path)} should match '{schema['pattern']}'"))
        if known is not None and not known(value):
            detail = f"{_where(path)} must be of type {schema['format']}: {field.quote(value)}"
            causes.append(field.type_invalid(path, value, detail))

    return check


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if not text:
        return None
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return None


def _size(schema: Obj) -> Check | None:
    bounds: dict[type, tuple[Any, Any, str]] = {
        list: (schema.get("minItems"), schema.get("maxItems"), "items"),
        dict: (schema.get("minProperties"), schema.get("maxProperties"), "properties"),
    }
    if all(low is None and high is None for low, high, _ in bounds.values()):
        return None

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if type(value) not in bounds:
            return
        low, high, noun = bounds[type(value)]
        if low is not None and len(value) < low:
            causes.append(field.invalid(path, len(value), f"{_where(path)} should have at least {low} {noun}"))
        if high is not None and len(value) > high:
            causes.append(field.too_many(path, len(value), high))

    return check


def _unique(schema: Obj) -> Check | None:
    """Each item of a set, or of a map-list by its keys, stands once."""
    kind, keys = schema.get("x-kubernetes-list-type"), tuple(schema.get("x-kubernetes-list-map-keys", ()))
    if kind not in ("set", "map"):
        return None
    defaults = {key: one["default"] for key, one in _item_properties(schema).items() if "default" in one}

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if not isinstance(value, list):
            return
        seen: set[bytes] = set()
        for index, item in enumerate(value):
            named = {key: item.get(key, defaults.get(key)) for key in keys} if keys and isinstance(item, dict) else item
            identity = orjson.dumps(named, option=orjson.OPT_SORT_KEYS)
            if identity in seen:
                causes.append(field.duplicate(f"{path}[{index}]", named))
            seen.add(identity)

    return check


def _item_properties(schema: Obj) -> Obj:
    items = schema.get("items")
    properties: Obj = items.get("properties", {}) if isinstance(items, dict) else {}
    return properties


def _combinations(schema: Obj) -> Check | None:
    rules: list[tuple[str, list[Check]]] = [
        (name, [compile_check(one) for one in schema[name]]) for name in ("allOf", "anyOf", "oneOf") if schema.get(name)
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
                causes.append(field.invalid(path, "", f"{field.quote(path)} {detail}"))
                if name == "allOf":
                    causes.extend(cause for result in results for cause in result)

    return check


def _run(check: Check, value: Any, path: str) -> list[Cause]:
    causes: list[Cause] = []
    check(value, path, causes)
    return causes


def _verdict(name: str, good: int, count: int) -> str:
    """Return what upstream says when `good` of `count` alternatives hold; nothing when that is as it should be."""
    if name == "allOf" and good < count:
        return "must validate all the schemas (allOf)"
    if name == "anyOf" and not good:
        return "must validate at least one schema (anyOf)"
    if name == "oneOf" and good != 1:
        found = f"Found {good} valid alternatives" if good else "Found none valid"
        return f"must validate one and only one schema (oneOf). {found}"
    return "must not validate the schema (not)" if name == "not" and good else ""


_MAKERS: tuple[Callable[[Obj], Check | None], ...] = (
    _enum, _number, _text, _size, _unique, _fields, _items, _combinations,
)  # fmt: skip
