"""Folder scan: adding one thing is adding one file.

A package's modules are imported in name order and each one's exported constant is collected. A module that lacks the
constant, or a name that two modules claim, is an error: nothing is left out in silence.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def scan(package: ModuleType, constant: str, kind: type[T]) -> list[T]:
    """Return the value of `constant` from every module below `package` (sub-packages included), in module-name order.

    Raises `LookupError` for a module without it and `TypeError` for one whose constant is not a `kind`.
    """
    found: list[T] = []
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if info.ispkg:
            continue
        module = importlib.import_module(info.name)
        if not hasattr(module, constant):
            raise LookupError(f"{info.name} does not define {constant}")
        value = getattr(module, constant)
        if not isinstance(value, kind):
            raise TypeError(f"{info.name}.{constant} is not a {kind.__name__}")
        found.append(value)
    return found
