"""What is wrong with a field, in upstream's words: the constructors of `Cause`s and of the `Invalid` error that carries them.

Used by every resource's validation. Paths are upstream's (`spec.containers[0].name`). What always holds: the message is
what `field.Error` prints without its field, and `reason` is the cause type that goes into `details.causes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from kubern.api.structs import Struct
from kubern.base.errors import Cause, Invalid

OMITTED = object()
"""Stands for a value that a message leaves out."""

IMMUTABLE = "field is immutable"


def required(path: str, detail: str = "") -> Cause:
    """The field must be given."""
    return Cause("FieldValueRequired", _with("Required value", detail), path)


def invalid(path: str, value: Any, detail: str = "") -> Cause:
    """The value is malformed or out of bounds."""
    return Cause("FieldValueInvalid", _with(_shown("Invalid value", value), detail), path)


def type_invalid(path: str, value: Any, detail: str = "") -> Cause:
    """The value is not of the schema's type."""
    return Cause("FieldValueTypeInvalid", _with(_shown("Invalid value", value), detail), path)


def not_supported(path: str, value: Any, allowed: Iterable[str] = ()) -> Cause:
    """The value is none of those `allowed`, which are listed in the order given."""
    listed = ", ".join(quote(str(item)) for item in allowed)
    detail = f"supported values: {listed}" if listed else ""
    return Cause("FieldValueNotSupported", _with(_shown("Unsupported value", value), detail), path)


def forbidden(path: str, detail: str = "") -> Cause:
    """The field may not be given, or not changed, here."""
    return Cause("FieldValueForbidden", _with("Forbidden", detail), path)


def duplicate(path: str, value: Any) -> Cause:
    """The value has been given before where each may be given once."""
    return Cause("FieldValueDuplicate", _shown("Duplicate value", value), path)


def not_found(path: str, value: Any) -> Cause:
    """The value names something that is not there."""
    return Cause("FieldValueNotFound", _shown("Not found", value), path)


def too_long(path: str, maximum: int, unit: str = "byte") -> Cause:
    """The value has more than `maximum` bytes (or characters)."""
    return Cause("FieldValueTooLong", f"Too long: may not be more than {_count(maximum, unit)}", path)


def too_many(path: str, actual: int, maximum: int) -> Cause:
    """The list has more than `maximum` items. A negative `actual` is left out."""
    shown = _shown("Too many", actual if actual >= 0 else OMITTED)
    return Cause("FieldValueTooMany", f"{shown}: must have at most {_count(maximum, 'item')}", path)


def internal(path: str, detail: str) -> Cause:
    """The check itself failed."""
    return Cause("InternalError", f"Internal error: {detail}", path)


def immutable(path: str, new: Any, old: Any) -> list[Cause]:
    """Return a cause when a field that may not change has changed."""
    return [] if new == old else [invalid(path, new, IMMUTABLE)]


def invalid_error(kind: str, group: str, name: str, causes: Sequence[Cause]) -> Invalid:
    """Return the refusal of an object: `Pod "x" is invalid: spec.containers[0].name: Required value`, several in brackets."""
    qualified = f"{kind}.{group}" if group else kind
    lines = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    text = f"{qualified} {quote(name)} is invalid"
    if lines:
        text += f": {lines[0]}" if len(lines) == 1 else f": [{', '.join(lines)}]"
    return Invalid(text, kind=kind, group=group, name=name, causes=causes)


_ESCAPES = {
    "\\": "\\\\", '"': '\\"', "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip


def quote(text: str) -> str:
    """Quote text as Go's `%q` does: printable characters stay, the others become escapes."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_ESCAPES.get(char) or (char if char.isprintable() else _escape(char)) for char in text) + '"'


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _shown(label: str, value: Any) -> str:
    if value is OMITTED:
        return label
    return f"{label}: {quote(value) if isinstance(value, str) else _json(value)}"


def _json(value: Any) -> str:
    # Go's encoder writes these three as escapes, and map keys in order, but not a struct's
    first = value[0] if isinstance(value, list) and value else value
    option = 0 if isinstance(first, Struct) else orjson.OPT_SORT_KEYS
    text = orjson.dumps(value, option=option, default=str).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _with(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
