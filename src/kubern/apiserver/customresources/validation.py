"""What is wrong with a custom object, in upstream's order.

Its schema's bounds, the counts that its scale shows, its lists and, when nothing is so wrong that they could not be asked, its rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kubern.api import field
from kubern.api.resource import ScalePaths
from kubern.api.schema.structural import StructuralSchema
from kubern.api.schema.structural_checks import compile_check
from kubern.api.schema.structural_values import Composite
from kubern.apiserver.customresources.ratcheting import still_wrong
from kubern.base.errors import Cause
from kubern.base.json import Obj

_NOWHERE = "<nil>"
"""How upstream names the place of a fault that has none of its own."""
_BLOCKING = frozenset(
    ("FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid")
)
_UNASKED = field.invalid(
    _NOWHERE, None,
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
)  # fmt: skip
_MAXIMUM = 2**31 - 1
_GO_TYPES = {
    str: "string", float: "float64", bool: "bool", int: "int64", dict: "map[string]interface {}", list: "[]interface {}",
}  # fmt: skip


def checking(structural: StructuralSchema, scale: ScalePaths | None) -> Callable[[Obj], list[Cause]]:
    """Return what finds the faults of a new object."""

    def validate(obj: Obj) -> list[Cause]:
        causes = [*_placed(structural.validate(obj)), *scale_causes(obj, scale), *structural.repeated(obj)]
        return _judged(structural, causes, obj, None)

    return validate


def ratcheting(structural: StructuralSchema, scale: ScalePaths | None) -> Callable[[Obj, Obj], list[Cause]]:
    """Return what finds the faults of a changed object that are not merely the old one's kept."""

    def validate(new: Obj, old: Obj) -> list[Cause]:
        kept = still_wrong(structural.validate(new), new, old, structural.schema)
        causes = [*_placed(kept), *scale_causes(new, scale)]
        if not structural.repeated(old):
            causes += structural.repeated(new)
        return _judged(structural, causes, new, old)

    return validate


def ratcheting_status(structural: StructuralSchema, scale: ScalePaths | None) -> Callable[[Obj, Obj], list[Cause]]:
    """Return what finds the faults of an object whose status alone was changed: the rest is not held to its bounds again."""
    schema: Obj = (structural.schema.get("properties") or {}).get("status") or {}
    check = compile_check(schema)

    def validate(new: Obj, old: Obj) -> list[Cause]:
        causes: list[Cause] = []
        if "status" in new:
            found: list[Cause] = []
            check(new["status"], "", found)
            kept = still_wrong(found, new["status"], old.get("status") or {}, schema)
            causes += [cause._replace(field=_of_status(cause)) for cause in kept]
        causes += _status_scale(new, scale)
        if not structural.repeated(old):
            causes += structural.repeated(new)
        return _judged(structural, causes, new, old)

    return validate


def _of_status(cause: Cause) -> str:
    return f"status.{cause.field}" if cause.field and not isinstance(cause, Composite) else "status"


def _judged(structural: StructuralSchema, causes: list[Cause], new: Obj, old: Obj | None) -> list[Cause]:
    if not structural.has_rules:
        return causes
    if any(cause.reason in _BLOCKING for cause in causes):
        return [*causes, _UNASKED]
    judged = structural.judge(new, old)
    return [*causes, *(cause if cause.field else cause._replace(field=_NOWHERE) for cause in judged)]


def _placed(causes: Sequence[Cause]) -> list[Cause]:
    return [cause._replace(field=_NOWHERE) if isinstance(cause, Composite) else cause for cause in causes]


def scale_causes(obj: Obj, scale: ScalePaths | None) -> list[Cause]:
    """Return what is wrong with the values that an object's scale shows."""
    if scale is None:
        return []
    return [*_count(obj, scale.replicas), *_status_scale(obj, scale)]


def _status_scale(obj: Obj, scale: ScalePaths | None) -> list[Cause]:
    if scale is None:
        return []
    return [*_count(obj, scale.status_replicas), *(_text(obj, scale.selector) if scale.selector else ())]


def _count(obj: Obj, path: str) -> list[Cause]:
    found, fault = _at(obj, path, int, "int64")
    if fault:
        return [field.invalid(path, 0, fault)]
    if found is not None and found < 0:
        return [field.invalid(path, found, "should be a non-negative integer")]
    if found is not None and found > _MAXIMUM:
        return [field.invalid(path, found, f"should be less than or equal to {_MAXIMUM}")]
    return []


def _text(obj: Obj, path: str) -> list[Cause]:
    _, fault = _at(obj, path, str, "string")
    return [field.invalid(path, "", fault)] if fault else []


def _at(obj: Obj, path: str, kind: type, name: str) -> tuple[Any, str]:
    """Return the value at a path, None where there is none, or what is wrong on the way there."""
    value: Any = obj
    parts = path.removeprefix(".").split(".")
    for depth, part in enumerate(parts, 1):
        if value is None:
            return None, ""
        if not isinstance(value, dict):
            return None, _unfit(parts[:depth], value, "map[string]interface{}")
        if part not in value:
            return None, ""
        value = value[part]
    if type(value) is not kind:
        return None, _unfit(parts, value, name)
    return value, ""


def _unfit(parts: Sequence[str], value: Any, wanted: str) -> str:
    shown = "<nil>" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    found = _GO_TYPES.get(type(value), "<nil>")
    return f".{'.'.join(parts)} accessor error: {shown} is of the type {found}, expected {wanted}"
