"""The expressions that choose devices for a claim: what they may name. Used by the checks of claims and device classes."""

from __future__ import annotations

from functools import cache

from kubern.api.cel.compiler import compile
from kubern.api.cel.environment import Environment
from kubern.api.cel.errors import CelError
from kubern.api.cel.types import BOOL, DYN, STRING, Field, Type, map_of

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
