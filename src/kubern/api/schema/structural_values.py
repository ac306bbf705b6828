"""Checks of single numbers and strings against a structural schema, with upstream's messages.

Used by `structural_checks`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from kubern.api import field
from kubern.api.schema.formats import FORMATS
from kubern.base.errors import Cause
from kubern.base.json import Obj
from kubern.base.regex import compile_re2

Check = Callable[[Any, str, list[Cause]], None]
"""Looks at a value at a path and adds what is wrong to the list."""


class Composite(Cause):
    """A fault of a value as a whole: upstream names its place in the text alone."""


_Bound = tuple[float, Callable[[Any, Any], bool], str]


def where(path: str) -> str:
    """Return how messages name a place."""
    return f"{path} in body"


def number_check(schema: Obj) -> Check | None:
    """Return the check of a number's step and bounds; of a whole number with bounds that are cut to whole ones, as upstream's are."""
    step, bounds, whole = schema.get("multipleOf"), _bounds(schema), schema.get("type") == "integer"
    if not step and not bounds and not whole:
        return None

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return
        if whole and isinstance(value, float) and not value.is_integer():
            told = f"Checked value must be of type integer (default format) in {path}"
            causes.append(Composite(*field.invalid(path, "", told)))
        fitting: Callable[[float], float] = int if isinstance(value, int) else lambda bound: bound
        if step and fitting(step) <= 0:
            told = f"factor MultipleOf declared for {path} must be positive: {fitting(step)}"
            causes.append(field.invalid(path, fitting(step), told))
        elif step and value % fitting(step):
            causes.append(field.invalid(path, value, f"{where(path)} should be a multiple of {_plain(fitting(step))}"))
        for bound, holds, relation in bounds:
            if not holds(value, fitting(bound)):
                causes.append(
                    field.invalid(path, value, f"{where(path)} should be {relation} {_plain(fitting(bound))}")
                )

    return check


def _bounds(schema: Obj) -> Sequence[_Bound]:
    bounds: list[_Bound] = []
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None:
        exclusive = schema.get("exclusiveMinimum")
        bounds.append(
            (low, operator.gt, "greater than") if exclusive else (low, operator.ge, "greater than or equal to")
        )
    if high is not None:
        exclusive = schema.get("exclusiveMaximum")
        bounds.append((high, operator.lt, "less than") if exclusive else (high, operator.le, "less than or equal to"))
    return bounds


def _plain(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def text_check(schema: Obj) -> Check | None:
    """Return the check of a string: the first fault in length and pattern, and the format."""
    low, high, pattern = schema.get("minLength"), schema.get("maxLength"), _pattern(schema.get("pattern"))
    known = FORMATS.get(schema.get("format", ""))
    if low is None and high is None and pattern is None and known is None:
        return None

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if not isinstance(value, str):
            return
        if high is not None and len(value) > high:
            causes.append(field.too_long(path, high))
        elif low is not None and len(value) < low:
            causes.append(field.invalid(path, value, f"{where(path)} should be at least {low} chars long"))
        elif pattern is not None and not pattern.search(value):
            causes.append(field.invalid(path, value, f"{where(path)} should match '{schema['pattern']}'"))
        if known is not None and not known(value):
            detail = f"{where(path)} must be of type {schema['format']}: {field.quote(value)}"
            causes.append(field.type_invalid(path, value, detail))

    return check


def _pattern(text: str | None) -> Any:
    if not text:
        return None
    try:
        return compile_re2(text)
    except ValueError:  # such a definition is refused; one that was stored before is not held to it
        return None
