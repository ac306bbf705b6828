"""Regular expressions: RE2's, which need time in proportion to the text whatever the pattern."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.library import Library, overloads, size
from kubern.base.regex import compile_re2


def _pattern(text: str) -> Any:
    try:
        return compile_re2(text)
    except ValueError as error:
        raise CelEvaluationError(str(error)) from error


def _matches(text: str, pattern: str) -> bool:
    return _pattern(pattern).search(text) is not None


def _find(text: str, pattern: str) -> str:
    match = _pattern(pattern).search(text)
    return match.group() if match else ""


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found: list[str] = []
    for match in _pattern(pattern).finditer(text):
        if 0 <= limit <= len(found):
            break
        found.append(match.group())
    return found


def check_pattern(text: str) -> str:
    """Return what is wrong with a pattern; empty: nothing."""
    try:
        _pattern(text)
    except CelEvaluationError as error:
        return str(error)
    return ""


def _cost(args: Sequence[Any], _result: Any) -> int:
    return math.ceil((1 + size(args[0])) * 0.1) * max(math.ceil(size(args[1]) * 0.25), 1)


LIBRARY = Library(
    "regex",
    overloads(
        {
            "string.matches(string): bool": _matches,
            "matches(string, string): bool": _matches,
            "string.find(string): string": _find,
            "string.findAll(string): list(string)": _find_all,
            "string.findAll(string, int): list(string)": _find_all,
        },
        _cost,
    ),
)
