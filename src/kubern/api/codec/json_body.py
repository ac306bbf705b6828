"""JSON bodies: parsed, with keys given twice found and refusals in upstream's words.

What always holds: what is returned can be encoded again (nesting is bounded), and an object without a key given twice
costs one encoding more than its parsing.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from kubern.base.json import Obj


class BodyError(ValueError):
    """A body that cannot be parsed, in upstream's words."""


TOO_DEEP = "exceeded max depth"
_LONGEST_SEARCH = 65536
"""Characters that are looked through for the wording of a refusal."""


def parse_json(body: bytes) -> Any:
    """Return the value that a JSON text stands for. Raises `BodyError`."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BodyError(f"couldn't get version/kind; json parse error: {_reason(body, error)}") from error


def duplicate_fields(body: bytes, parsed: Any) -> list[str]:
    """Return the paths of keys that stand twice in one object, in the order of the text. Raises `BodyError` for nesting without end."""
    try:
        encoded = orjson.dumps(parsed)
    except orjson.JSONEncodeError as error:  # deeper than the encoder goes, so it could never be stored
        raise BodyError(TOO_DEEP) from error
    # a key that was given twice is gone from `parsed`, and its quotes with it
    if encoded.count(b'"') == body.count(b'"'):
        return []
    return _search(body)


class _Doubled(dict[str, Any]):
    """An object in which keys stand twice."""

    doubled: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> Obj:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    result = _Doubled(found)
    seen: set[str] = set()
    result.doubled = tuple(dict.fromkeys(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return result


def _search(body: bytes) -> list[str]:
    found: list[str] = []
    _collect(json.loads(body, object_pairs_hook=_object), "", found)
    return found


def _collect(value: Any, path: str, found: list[str]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            here = f"{path}.{key}" if path else key
            if isinstance(value, _Doubled) and key in value.doubled:
                found.append(here)
            _collect(item, here, found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _collect(item, f"{path}[{index}]", found)


def problem_of_map(content: bytes) -> str:
    """Return what upstream's parser says of a text that should be an object or null; empty when it is."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        return _reason(content, error)
    kinds = {list: "array", str: "string", bool: "bool", int: "number", float: "number"}
    return (
        f"json: cannot unmarshal {kinds[type(found)]} into Go value of type map[string]interface {{}}"
        if type(found) in kinds
        else ""
    )


def _reason(body: bytes, error: orjson.JSONDecodeError) -> str:
    """Return what upstream's parser says of a malformed text."""
    text = body.decode(errors="replace")
    at = min(error.pos, len(text))
    if error.msg.startswith("trailing comma"):
        at += 1  # the parser stands before the comma, upstream's after it
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    if at >= len(text):
        return "unexpected end of JSON input"
    return f"invalid character {_shown(text[at])} {_expected(text[:at].rstrip(), error.msg)}"


def _expected(before: str, message: str) -> str:
    if "expected ':'" in message:
        return "after object key"
    if message.startswith("unexpected control character"):
        return "in string literal"
    last = before[-1:]
    if last in ("", ":", "["):
        return "looking for beginning of value"
    if last == "{":
        return "looking for beginning of object key string"
    opened = _innermost(before)
    if last == ",":
        return "looking for beginning of object key string" if opened == "{" else "looking for beginning of value"
    return {"{": "after object key:value pair", "[": "after array element"}.get(opened, "after top-level value")


def _innermost(before: str) -> str:
    """Return the bracket that is open at the end of a text, or nothing."""
    if len(before) > _LONGEST_SEARCH:
        return "{"
    opened: list[str] = []
    inside = escaped = False
    for char in before:
        if inside:
            inside = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            inside = True
        elif char in "{[":
            opened.append(char)
        elif char in "}]" and opened:
            opened.pop()
    return opened[-1] if opened else ""


def _shown(char: str) -> str:
    if char == "'":
        return "'\\''"
    return f"'{char}'" if char.isprintable() else f"'\\x{ord(char):02x}'"
