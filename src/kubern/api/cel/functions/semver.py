"""Semantic versions: `semver('1.2.3-rc.1')`, compared by the rules of semver.org."""

from __future__ import annotations

import re
from functools import total_ordering
from typing import Any

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.library import Library, overloads, walk

_NUMBER = r"(0|[1-9][0-9]{0,18})"
_PART = r"(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_PATTERN = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_PART}(?:\.{_PART})*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?", re.ASCII
)
_LONGEST = 1024


@total_ordering
class Semver:
    """A version as a value of an expression. What stands behind `+` does not count in comparisons."""

    __slots__ = ("build", "numbers", "pre")
    type_name = "kubernetes.Semver"

    def __init__(self, numbers: tuple[int, int, int], pre: str, build: str) -> None:
        self.numbers = numbers
        self.pre = pre
        self.build = build

    def _key(self) -> tuple[Any, ...]:
        # a release comes behind its candidates; numbers come before words
        parts = (
            [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre.split(".")] if self.pre else []
        )
        return self.numbers, not self.pre, parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Semver) and self._key() == other._key()

    def __lt__(self, other: Semver) -> bool:
        return self._key() < other._key()

    def __hash__(self) -> int:
        return hash((self.numbers, self.pre))


def parse(text: str, normalize: bool = False) -> Semver | None:
    """Return the version that a text is, None when it is none. `normalize`: take `v1.2` for 1.2.0."""
    text = _normal(text) if normalize else text
    match = _PATTERN.fullmatch(text) if len(text) <= _LONGEST else None
    if not match:
        return None
    numbers = (int(match.group(1)), int(match.group(2)), int(match.group(3)))
    return Semver(numbers, match.group(4) or "", match.group(5) or "")


def _normal(text: str) -> str:
    """Return a version without `v`, with three numbers, and without leading zeros in them."""
    match = re.match(r"v?([0-9.]*)(.*)", text, re.DOTALL)
    numbers = [part.lstrip("0") or "0" for part in match.group(1).split(".")] if match and match.group(1) else []
    return ".".join(numbers + ["0"] * (3 - len(numbers))) + (match.group(2) if match else "") if numbers else text


def _semver(text: str, normalize: bool = False) -> Semver:
    found = parse(text, normalize)
    if found is None:
        raise CelEvaluationError(f"invalid semantic version: {text}")
    return found


def _compare(a: Semver, b: Semver) -> int:
    return (a > b) - (a < b)


_S = "kubernetes.Semver"

LIBRARY = Library(
    "semver",
    (
        *overloads(
            {
                f"semver(string): {_S}": _semver,
                f"semver(string, bool): {_S}": _semver,
                "isSemver(string): bool": lambda text: parse(text) is not None,
                "isSemver(string, bool): bool": lambda text, normalize: parse(text, normalize) is not None,
            },
            walk,
        ),
        *overloads(
            {
                f"{_S}.major(): int": lambda version: version.numbers[0],
                f"{_S}.minor(): int": lambda version: version.numbers[1],
                f"{_S}.patch(): int": lambda version: version.numbers[2],
                f"{_S}.isGreaterThan({_S}): bool": lambda a, b: a > b,
                f"{_S}.isLessThan({_S}): bool": lambda a, b: a < b,
                f"{_S}.compareTo({_S}): int": _compare,
            }
        ),
    ),
)
