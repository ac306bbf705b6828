"""Checks of the selectors of device requests and device classes, shared by both; wording is upstream's."""

from __future__ import annotations

from kubern.api import field
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MAX_SELECTORS = 32
_MAX_LENGTH = 10 * 1024


def check_selectors(selectors: list[Obj], path: str) -> list[Cause]:
    """Return what is wrong with `selectors`: each is an expression that compiles."""
    causes = [field.too_many(path, len(selectors), _MAX_SELECTORS)] if len(selectors) > _MAX_SELECTORS else []
    for i, selector in enumerate(selectors[:_MAX_SELECTORS]):
        causes += _check_selector(selector, f"{path}[{i}].cel")
    return causes


def _check_selector(selector: Obj, path: str) -> list[Cause]:
    cel = selector.get("cel")
    if cel is None:
        return [field.required(path)]
    expression, here = cel.get("expression") or "", f"{path}.expression"
    if len(expression) > _MAX_LENGTH:
        return [field.too_long(here, _MAX_LENGTH)]
    # claims are rare and CEL is large: it is imported when the first selector is written
    from kubern.api.cel.devices import selector_problem

    problem = selector_problem(expression)
    return [field.invalid(here, expression, problem)] if problem else []
