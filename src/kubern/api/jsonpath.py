"""JSONPath as kubectl and CustomResourceDefinitions have it: `.spec.names[0]`, `.status.conditions[?(@.type=="Ready")].status`.

`compile_path` reads an expression once; the function that it returns finds values. What always holds: values are only looked
at, and a path that leads nowhere finds nothing. Source: the Kubernetes documentation, "JSONPath Support".
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

Step = Callable[[Any], Iterator[Any]]
Find = Callable[[Any], list[Any]]

LONGEST = 4096
"""Characters of an expression; what is longer is refused."""

_NAME = re.compile(r"(?:\\.|[^\s.\[\]()'\"?@,])+")
_BRACKET = re.compile(r"\[((?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^\]'\"])*)\]")
_QUOTED = re.compile(r"'((?:\\.|[^'\\])*)'|\"((?:\\.|[^\"\\])*)\"")
_FILTER = re.compile(r"\?\(\s*(.+?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?)\s*)?\)", re.DOTALL)
_SLICE = re.compile(r"(-?\d*)(?::(-?\d*))?(?::(-?\d*))?")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def compile_path(text: str) -> Find:
    """Return the function that finds what `text` points at, in document order. Raises `ValueError`."""
    if len(text) > LONGEST:
        raise ValueError("the path is too long")
    steps = list(_steps(text.strip().removeprefix("{").removesuffix("}").removeprefix("$").removeprefix("@")))

    def find(value: Any) -> list[Any]:
        found = [value]
        for step in steps:
            found = [result for one in found for result in step(one)]
        return found

    return find


def _steps(text: str) -> Iterator[Step]:
    position = 0
    while position < len(text):
        if text.startswith("..", position):
            yield _everything_below
            position += 2
            name = _NAME.match(text, position)
        elif text[position] == ".":
            position += 1
            name = _NAME.match(text, position)
        elif text[position] == "[":
            bracket = _BRACKET.match(text, position)
            if not bracket:
                raise ValueError(f"unterminated array in {text!r}")
            yield _bracket(bracket[1].strip())
            position = bracket.end()
            continue
        else:
            name = _NAME.match(text, position)
            if not name:
                raise ValueError(f"unrecognized character in action: {text[position]!r}")
        if name:
            yield _field(re.sub(r"\\(.)", r"\1", name[0]) if name[0] != "*" else "*")
            position = name.end()


def _field(name: str) -> Step:
    if name == "*":
        return _children

    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _everything_below(value: Any) -> Iterator[Any]:
    yield value
    for child in _children(value):
        yield from _everything_below(child)


def _bracket(inner: str) -> Step:
    """Return the step of what stands between brackets: names, `*`, a filter, indices or slices."""
    if inner == "*":
        return _children
    chosen = _FILTER.fullmatch(inner)
    if chosen:
        return _filter(chosen[1], chosen[2], chosen[3])
    if _QUOTED.match(inner):
        return _union([_field(_unquote(part)) for part in _parts(inner)])
    return _union([_slice(part.strip()) for part in inner.split(",")])


def _parts(inner: str) -> list[re.Match[str]]:
    return list(_QUOTED.finditer(inner))


def _unquote(part: re.Match[str]) -> str:
    return re.sub(r"\\(.)", r"\1", part[1] if part[1] is not None else part[2])


def _union(steps: list[Step]) -> Step:
    def step(value: Any) -> Iterator[Any]:
        for one in steps:
            yield from one(value)

    return step


def _slice(text: str) -> Step:
    match = _SLICE.fullmatch(text)
    if not text or not match:
        raise ValueError(f"invalid array index {text}")
    first, last, stride = (int(part) if part else None for part in match.groups())
    if ":" not in text:
        assert first is not None
        index = first

        def one(value: Any) -> Iterator[Any]:
            if isinstance(value, list) and -len(value) <= index < len(value):
                yield value[index]

        return one
    if stride is not None and stride <= 0:
        raise ValueError("step must be > 0")

    def many(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value[first:last:stride]

    return many


def _filter(left: str, sign: str | None, right: str | None) -> Step:
    find = _operand(left)
    against = _operand(right) if right is not None else None

    def holds(value: Any) -> bool:
        found = find(value)
        if against is None or sign is None:
            return bool(found)
        other = against(value)
        if len(found) != 1 or len(other) != 1:
            return False
        return _compare(sign, found[0], other[0])

    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from (item for item in value if holds(item))
        elif isinstance(value, dict) and holds(value):
            yield value

    return step


def _compare(sign: str, left: Any, right: Any) -> bool:
    try:
        return _COMPARE[sign](left, right)
    except TypeError:  # values of different kinds have no order
        return False


def _operand(text: str) -> Find:
    """Return what finds one side of a comparison: a path from `@`, a quoted text, a number or a truth value."""
    if text.startswith("@"):
        return compile_path(text)
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        literal: Any = _unquote(quoted)
    elif text in ("true", "false"):
        literal = text == "true"
    else:
        literal = float(text)
    return lambda value: [literal]
