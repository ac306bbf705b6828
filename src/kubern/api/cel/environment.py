"""What an expression may use: variables with their types, functions, objects it may make, and its cost limit.

Made once a schema or a policy and used for each of its expressions. What always holds: the libraries are read once a process at most,
when the first environment is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from kubern.api.cel.library import Library, Overload
from kubern.api.cel.types import Type

PER_CALL_LIMIT = 1_000_000
"""What one evaluation of one expression may cost (upstream's PerCallLimit)."""

RUNTIME_BUDGET = 10_000_000
"""What all the expressions on one object, or of one policy on one request, may cost together (upstream's RuntimeCELCostBudget)."""


class Environment(NamedTuple):
    """Variables by name (dots are allowed), and optionally the object types that expressions may make by name."""

    variables: Mapping[str, Type] = {}
    objects: Callable[[str], Type | None] | None = None


class Functions(NamedTuple):
    """All overloads by name, and the names that stand for values."""

    overloads: Mapping[str, tuple[Overload, ...]]
    constants: Mapping[str, Any]


@cache
def functions() -> Functions:
    """Return the functions of every library in `functions/`."""
    from kubern.api.cel import functions as folder
    from kubern.base.scan import scan

    by_name: dict[str, list[Overload]] = {}
    constants: dict[str, Any] = {}
    for library in scan(folder, "LIBRARY", Library):
        for overload in library.overloads:
            by_name.setdefault(overload.name, []).append(overload)
        constants.update(library.constants)
    return Functions({name: tuple(found) for name, found in by_name.items()}, constants)
