"""The expressions that choose devices for a claim: what they may name, and whether one chooses a device.

Used by the checks of claims and device classes, and by the scheduler. What always holds: an attribute written without a domain is in its
driver's; a domain that a device has nothing of is an empty map, not an error.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from kubern.api.cel.compiler import Program, compile
from kubern.api.cel.environment import Environment
from kubern.api.cel.errors import CelError, CelEvaluationError
from kubern.api.cel.functions.quantity import Quantity
from kubern.api.cel.functions.semver import Semver
from kubern.api.cel.functions.semver import parse as parse_version
from kubern.api.cel.types import BOOL, DYN, STRING, Field, Type, map_of
from kubern.base.json import Obj
from kubern.base.quantity import parse

_QUANTITY = Type("kubernetes.Quantity")


@cache
def device_environment() -> Environment:
    """Return the environment with `device`: its driver, and by domain and name its attributes and capacities."""
    fields = {
        "driver": STRING,
        "attributes": map_of(STRING, map_of(STRING, DYN)),
        "capacity": map_of(STRING, map_of(STRING, _QUANTITY)),
        "allowMultipleAllocations": BOOL,
    }
    return Environment({"device": Type("kubernetes.DRADevice", fields={k: Field(k, v) for k, v in fields.items()})})


def selector_problem(expression: str) -> str:
    """Return why an expression cannot choose devices; nothing for one that can."""
    try:
        program = compile(expression, device_environment())
    except CelError as error:
        return f"compilation failed: {error}"
    if program.type.name in ("bool", "dyn"):
        return ""
    return f"must evaluate to bool or the unknown type, not {program.type}"


class _Domains(dict[str, dict[str, Any]]):
    """By domain and name; empty for any other domain."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key, _NOTHING)


_NOTHING: dict[str, Any] = {}


def device_value(driver: str, device: Obj) -> dict[str, Any]:
    """Return what `device` is in an expression, for a device of a ResourceSlice."""
    attributes = {name: attribute_value(each) for name, each in (device.get("attributes") or {}).items()}
    capacity = {name: Quantity(parse(each["value"])) for name, each in (device.get("capacity") or {}).items()}
    return {
        "driver": driver,
        "attributes": _by_domain(driver, {name: value for name, value in attributes.items() if value is not None}),
        "capacity": _by_domain(driver, capacity),
        "allowMultipleAllocations": bool(device.get("allowMultipleAllocations")),
    }


def attribute_value(attribute: Obj) -> bool | int | str | Semver | None:
    """Return the value of an attribute, None for one without any that is known here (a list, a spoiled version)."""
    for kind in ("bool", "int", "string"):
        if attribute.get(kind) is not None:
            found: bool | int | str = attribute[kind]
            return found
    return parse_version(attribute["version"]) if attribute.get("version") is not None else None


def _by_domain(driver: str, named: dict[str, Any]) -> _Domains:
    found = _Domains()
    for name, value in named.items():
        domain, _, short = name.rpartition("/")
        found.setdefault(domain or driver, {})[short] = value
    return found


@lru_cache(1024)
def _program(expression: str) -> Program:
    return compile(expression, device_environment())


def chooses(expression: str, device: dict[str, Any]) -> bool:
    """Say whether an expression chooses a device (see `device_value`). Raises `CelError`, or `CelEvaluationError` when it fails."""
    found = _program(expression).evaluate({"device": device})
    if not isinstance(found, bool):
        raise CelEvaluationError("the expression did not evaluate to a bool")
    return found
