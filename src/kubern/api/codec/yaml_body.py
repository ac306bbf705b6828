"""YAML bodies, read into JSON's types as upstream reads them.

Built from the parser's events rather than by PyYAML's constructors, for three reasons: upstream's rules for plain scalars
are its own (`1:30` and dates are strings, `y` is true, `1e3` is a number), nesting and the growth through aliases must be
bounded before anything is built, and keys given twice have to be reported with their lines.
"""

from __future__ import annotations

import math
import re
from typing import Any

import orjson
import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)  # fmt: skip

from kubern.api.codec.json_body import TOO_DEEP, BodyError

DEEPEST = 200
"""Nesting that no API object comes near; also below what the JSON encoder can write."""
_FREE_EXPANSION = 100_000
"""Values that aliases may add to what the text itself holds."""

_BOOLEANS = {
    name: value
    for value, names in ((True, "y yes true on"), (False, "n no false off"))
    for word in names.split()
    for name in (word, word.capitalize(), word.upper())
}
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]*|(?!0)[0-9][0-9_]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
_MERGE = object()


def parse_yaml(body: bytes) -> tuple[Any, list[str]]:
    """Return the first document's value, and the complaints about keys given twice. Raises `BodyError`."""
    builder = _Builder(len(body) + _FREE_EXPANSION)
    try:
        for event in yaml.parse(body, Loader=yaml.CSafeLoader):
            builder.take(event)
            if isinstance(event, DocumentEndEvent):
                break  # as upstream: what follows the first document is not read
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BodyError(f"yaml: line {line}: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BodyError(f"yaml: {error}") from error
    value = builder.root
    if builder.aliased:  # no two places may share one object, for decoding works in place
        value = orjson.loads(orjson.dumps(value))
    return value, builder.doubled


class _Frame:
    """A mapping or sequence that is being built."""

    __slots__ = ("anchor", "key", "merged", "size", "value", "waiting")

    def __init__(self, value: Any, anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: Any = None
        self.waiting = False
        """Whether `key` has been read and its value is next."""
        self.size = 1
        self.merged: list[Any] = []


class _Builder:
    """Makes a value out of events."""

    def __init__(self, most: int) -> None:
        self.root: Any = None
        self.doubled: list[str] = []
        self.aliased = False
        self._left = most
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._open: set[str] = set()

    def take(self, event: Event) -> None:
        if isinstance(event, ScalarEvent):
            value = _scalar(event, self._expects_key())
            if event.anchor:
                self._anchors[event.anchor] = (value, 1)
            self._add(value, 1, event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._begin(event)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._end(event)
        elif isinstance(event, AliasEvent):
            self._alias(event)

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and not self._stack[-1].waiting

    def _begin(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        if len(self._stack) >= DEEPEST:
            raise BodyError(f"yaml: {TOO_DEEP}")
        if self._expects_key():
            raise BodyError(f"yaml: line {_line(event)}: invalid map key")
        self._stack.append(_Frame({} if isinstance(event, MappingStartEvent) else [], event.anchor))
        if event.anchor:
            self._open.add(event.anchor)

    def _end(self, event: Event) -> None:
        frame = self._stack.pop()
        for other in frame.merged:
            for key, value in other.items():
                frame.value.setdefault(key, value)
        if frame.anchor:
            self._open.discard(frame.anchor)
            self._anchors[frame.anchor] = (frame.value, frame.size)
        self._add(frame.value, frame.size, event)

    def _alias(self, event: AliasEvent) -> None:
        name = event.anchor
        if name in self._open:
            raise BodyError(f"yaml: anchor '{name}' value contains itself")
        if name not in self._anchors:
            raise BodyError(f"yaml: unknown anchor '{name}' referenced")
        value, size = self._anchors[name]
        self._left -= size
        if self._left < 0:
            raise BodyError("yaml: document contains excessive aliasing")
        self.aliased = True
        self._add(_key_text(value) if self._expects_key() else value, size, event)

    def _add(self, value: Any, size: int, event: Event) -> None:
        if not self._stack:
            self.root = value
            return
        frame = self._stack[-1]
        frame.size += size
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif not frame.waiting:
            frame.key, frame.waiting = value, True
        else:
            self._pair(frame, value, event)

    def _pair(self, frame: _Frame, value: Any, event: Event) -> None:
        frame.waiting = False
        if frame.key is _MERGE:
            others = value if isinstance(value, list) else [value]
            if not all(isinstance(other, dict) for other in others):
                raise BodyError("yaml: map merge requires map or sequence of maps as the value")
            frame.merged += others
            return
        if frame.key in frame.value:
            self.doubled.append(f'line {_line(event)}: key "{frame.key}" already set in map')
        frame.value[frame.key] = value


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _scalar(event: ScalarEvent, key: bool) -> Any:
    plain = event.implicit[0] and event.style in (None, "")
    if key and plain and event.value == "<<":
        return _MERGE
    value = resolve(event.value) if plain or _numeric_tag(event.tag) else event.value
    return _key_text(value) if key else value


def _numeric_tag(tag: str | None) -> bool:
    return tag is not None and tag.startswith("tag:yaml.org,2002:") and tag[18:] in ("int", "float", "bool", "null")


def _key_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise BodyError("yaml: invalid map key")


def resolve(text: str, finite: bool = True) -> Any:
    """Return what a plain scalar stands for by upstream's rules. With `finite`, raises `BodyError` for infinity and NaN, which
    JSON cannot hold."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text) and len(text) < 100:
        return _integer(text.replace("_", ""))
    number: float | None = None
    if _FLOAT.fullmatch(text):
        number = float(text)
    elif _NOT_FINITE.fullmatch(text):
        number = math.inf
    if number is None:
        return text
    if finite and math.isinf(number):
        raise BodyError(f"json: unsupported value: {text}")
    return _whole(number)


def _integer(text: str) -> int | float:
    digits = text.lstrip("+-")
    prefix = digits[:2].lower()
    if prefix in ("0b", "0x", "0o"):
        number = int(digits[2:], {"0b": 2, "0x": 16, "0o": 8}[prefix])
    elif len(digits) > 1 and digits[0] == "0":
        number = int(digits, 8)
    else:
        number = int(digits)
    number = -number if text[0] == "-" else number
    return number if -(2**63) <= number < 2**64 else float(number)


def _whole(number: float) -> int | float:
    """Return a float without a fraction as the int that JSON would show it as."""
    return int(number) if number.is_integer() and abs(number) < 1e15 else number
