"""Strings: what the language has itself, and CEL's strings extension. Positions are those of characters, from 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.formatting import format_text
from kubern.api.cel.library import Library, overloads, size, tenth, walk

_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_UPPER = {code + 32: code for code in _LOWER}
_SPACES = (
    "\t\n\v\f\r \x85\xa0       　" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\u1680"
)
_QUOTED = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def _within(text: str, at: int) -> int:
    if 0 <= at <= len(text):
        return at
    raise CelEvaluationError(f"index out of range: {at}")


def _char_at(text: str, at: int) -> str:
    return text[_within(text, at) : at + 1]


def _index_of(text: str, part: str, start: int = 0) -> int:
    return _within(text, start) if not part else text.find(part, _within(text, start))


def _last_index_of(text: str, part: str, last: int | None = None) -> int:
    if last is None:
        return text.rfind(part)
    if not part:
        return _within(text, last)
    if last < 0 or last >= len(text):
        raise CelEvaluationError(f"index out of range: {last}")
    return text.rfind(part, 0, last + len(part))


def _replace(text: str, old: str, new: str, times: int = -1) -> str:
    return text.replace(old, new, max(times, -1))


def _split(text: str, separator: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if limit == 1:
        return [text]
    if separator:
        return text.split(separator, limit - 1 if limit > 0 else -1)
    return list(text) if limit < 0 or limit >= len(text) else [*text[: limit - 1], text[limit - 1 :]]


def _substring(text: str, start: int, end: int | None = None) -> str:
    end = len(text) if end is None else end
    if start > end:
        raise CelEvaluationError(f"invalid substring range. start: {start}, end: {end}")
    return text[_within(text, start) : _within(text, end)]


def _join(items: list[Any], separator: str = "") -> str:
    if not all(isinstance(item, str) for item in items):
        raise CelEvaluationError("no such overload")
    return separator.join(items)


def _quote(text: str) -> str:
    return '"' + "".join(_QUOTED.get(char, char) for char in text) + '"'


def _affix(args: Sequence[Any], _result: Any) -> int:
    return tenth(size(args[1]))


def _product(args: Sequence[Any], _result: Any) -> int:
    return max(tenth(size(args[0])) * tenth(size(args[1])), 1)


def _made(args: Sequence[Any], result: Any) -> int:
    """Return the cost of a walk over the input and over the text that comes of it."""
    written = sum(map(size, result)) if isinstance(result, list) else size(result)
    return 1 + tenth(size(args[0])) + (tenth(written) if result is not None else 0)


LIBRARY = Library(
    "strings",
    (
        *overloads(
            {"string.startsWith(string): bool": str.startswith, "string.endsWith(string): bool": str.endswith}, _affix
        ),
        *overloads({"string.contains(string): bool": str.__contains__}, _product),
        *overloads({"string.charAt(int): string": _char_at}),
        *overloads(
            {
                "string.indexOf(string): int": _index_of,
                "string.indexOf(string, int): int": _index_of,
                "string.lastIndexOf(string): int": _last_index_of,
                "string.lastIndexOf(string, int): int": _last_index_of,
            },
            _product,
        ),
        *overloads(
            {
                "string.lowerAscii(): string": lambda text: text.translate(_LOWER),
                "string.upperAscii(): string": lambda text: text.translate(_UPPER),
                "string.trim(): string": lambda text: text.strip(_SPACES),
                "string.reverse(): string": lambda text: text[::-1],
                "string.substring(int): string": _substring,
                "string.substring(int, int): string": _substring,
                "strings.quote(string): string": _quote,
                "string.format(list(dyn)): string": format_text,
            },
            walk,
        ),
        *overloads(
            {
                "string.replace(string, string): string": _replace,
                "string.replace(string, string, int): string": _replace,
                "string.split(string): list(string)": _split,
                "string.split(string, int): list(string)": _split,
                "list(string).join(): string": _join,
                "list(string).join(string): string": _join,
            },
            _made,
        ),
    ),
)
