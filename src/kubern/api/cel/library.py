"""What a function library is: overloads by signature, each with how it runs and what it costs.

A file in `functions/` exports LIBRARY. The checker chooses overloads by their parameter types, the planner runs them. What always
holds: a function takes values and returns a value or raises CelEvaluationError; it changes nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from kubern.api.cel import types
from kubern.api.cel.types import Type

Function = Callable[..., Any]
Cost = Callable[[Sequence[Any], Any], int]
"""From the arguments and the result to units of cost."""


class Overload(NamedTuple):
    """One signature of a function. `params` begin with the target's type when `member`. `cost` None: one unit."""

    name: str
    params: tuple[Type, ...]
    result: Type
    run: Function
    cost: Cost | None = None
    member: bool = False


class Library(NamedTuple):
    """A file of functions. `constants` are names that stand for values, such as a type's."""

    name: str
    overloads: tuple[Overload, ...]
    constants: tuple[tuple[str, Any], ...] = ()


def overloads(table: Mapping[str, Function], cost: Cost | None = None) -> tuple[Overload, ...]:
    """Return overloads from `{"string.charAt(int): string": function}`; all cost alike.

    What is before the last dot of the name is the target's type if it is one, otherwise a part of the name (`sets.contains`).
    """
    return tuple(_overload(signature, run, cost) for signature, run in table.items())


def _overload(signature: str, run: Function, cost: Cost | None) -> Overload:
    head, _, result = signature.rpartition(": ")
    opened = _opening(head)
    name, params = head[:opened], _types(head[opened + 1 : -1])
    owner, _, short = name.rpartition(".")
    target = _target(owner)
    if target is not None:
        return Overload(short, (target, *params), read_type(result), run, cost, True)
    return Overload(name, tuple(params), read_type(result), run, cost)


def _opening(head: str) -> int:
    depth = 0
    for at in range(len(head) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(head[at], 0)
        if depth == 0:
            return at
    raise ValueError(f"no parameters in {head}")


def _target(owner: str) -> Type | None:
    known = owner in types.NAMES or "(" in owner or owner in OPAQUE or len(owner) == 1
    return read_type(owner) if owner and known else None


OPAQUE = frozenset(
    {
        "kubernetes.Quantity", "kubernetes.URL", "kubernetes.Semver", "kubernetes.NamedFormat", "net.IP", "net.CIDR",
        "kubernetes.authorization.Authorizer", "kubernetes.authorization.PathCheck", "kubernetes.authorization.GroupCheck",
        "kubernetes.authorization.ResourceCheck", "kubernetes.authorization.Decision",
    }
)  # fmt: skip
"""The types that only libraries make."""

_TYPE = re.compile(r"\s*([\w.]+)\s*(\()?")


def read_type(text: str) -> Type:
    """Return the type that a signature writes: `list(A)`, `kubernetes.URL`."""
    found = _types(text)
    if len(found) != 1:
        raise ValueError(f"not one type: {text}")
    return found[0]


def _types(text: str) -> list[Type]:
    found: list[Type] = []
    while text.strip():
        match = _TYPE.match(text)
        if not match:
            raise ValueError(f"not a type: {text}")
        name, text = match.group(1), text[match.end() :]
        inner: list[Type] = []
        if match.group(2):
            depth, at = 1, 0
            while depth:
                depth += {"(": 1, ")": -1}.get(text[at], 0)
                at += 1
            inner, text = _types(text[: at - 1]), text[at:]
        found.append(types.NAMES.get(name) or Type(name, tuple(inner)))
        text = text.lstrip().removeprefix(",")
    return found


def size(value: Any) -> int:
    """Return how large a value is for the purpose of cost: its length, 1 for what has none."""
    try:
        return len(value)
    except TypeError:
        return 1


def tenth(amount: float) -> int:
    """Return the cost of walking over so many characters: a tenth, rounded up."""
    return math.ceil(amount * 0.1)


def walk(args: Sequence[Any], _result: Any) -> int:
    """Return the cost of walking over the first argument's characters."""
    return tenth(size(args[0]))
