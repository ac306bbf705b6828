"""Checks that upstream's validation repeats for many kinds, with its wording. Every check returns the causes it found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kubern.api import field, names
from kubern.base.errors import Cause
from kubern.base.json import Obj

NEGATIVE = "must be greater than or equal to 0"
IMMUTABLE = "field is immutable"

NameCheck = Callable[[str], list[str]]


def not_negative(obj: Obj, name: str, path: str) -> list[Cause]:
    """Check that a number, where given, is not below zero. `path` is the object's, ending with a dot or empty."""
    value = obj.get(name)
    return [field.invalid(f"{path}{name}", value, NEGATIVE)] if value is not None and value < 0 else []


def between(obj: Obj, name: str, path: str, low: int, high: int) -> list[Cause]:
    """Check that a number, where given, lies in [low, high]."""
    value = obj.get(name)
    if value is None or low <= value <= high:
        return []
    return [field.invalid(f"{path}{name}", value, f"must be between {low} and {high}, inclusive")]


def one_of(obj: Obj, name: str, path: str, supported: Sequence[str], *, needed: bool = True) -> list[Cause]:
    """Check that a field holds one of `supported`; a missing one is an error unless it is not `needed`."""
    value = obj.get(name)
    if value in supported:
        return []
    if value in (None, ""):
        return [field.required(f"{path}{name}", "")] if needed else []
    return [field.not_supported(f"{path}{name}", value, list(supported))]


def given(obj: Obj, name: str, path: str, detail: str = "") -> list[Cause]:
    """Check that a field is there and not empty."""
    return [] if obj.get(name) else [field.required(f"{path}{name}", detail)]


def named(value: Any, path: str, check: NameCheck) -> list[Cause]:
    """Check a name against one of `kubern.api.names`."""
    return [field.invalid(path, value, message) for message in check(value or "")]


def domain_path(value: str, path: str) -> list[Cause]:
    """Return what is wrong with a name of the form `acme.io/foo`."""
    domain, slash, rest = value.partition("/")
    if not slash or not domain or not rest:
        return [field.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    return named(domain, path, names.dns1123_subdomain)


def immutable(new: Any, old: Any, path: str) -> list[Cause]:
    """Check that a field is as it was."""
    return [] if new == old else [field.invalid(path, new, IMMUTABLE)]


def immutable_fields(new: Obj, old: Obj, path: str, names: Sequence[str]) -> list[Cause]:
    """Check that none of an object's fields changed. `path` is the object's, ending with a dot or empty."""
    return [cause for name in names for cause in immutable(new.get(name), old.get(name), f"{path}{name}")]


def int_or_percent(value: Any, path: str) -> list[Cause]:
    """Check a count that may be a percentage (`25%`) as upstream does for budgets and rolling updates."""
    if isinstance(value, str):
        if is_percent(value):
            return []
        message = (
            "a valid percent string must be a numeric string followed by an ending '%' "
            "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
        )
        return [field.invalid(path, value, message)]
    if isinstance(value, int) and value >= 0:
        return []
    return [field.invalid(path, value, NEGATIVE)]


def is_percent(value: Any) -> bool:
    """Whether a value is written as a percentage."""
    return isinstance(value, str) and value.endswith("%") and value[:-1].isdecimal()


def at_most_all(value: Any, path: str) -> list[Cause]:
    """Check that a percentage does not exceed 100 %."""
    if is_percent(value) and int(value[:-1]) > 100:
        return [field.invalid(path, value, "must not be greater than 100%")]
    return []


def as_number(value: Any) -> int:
    """Return a count or a percentage's number."""
    if is_percent(value):
        return int(value[:-1])
    return value if isinstance(value, int) else 0
