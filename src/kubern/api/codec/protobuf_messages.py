"""Messages to dicts and back, by functions that are made out of the table when a kind is first met.

A reader is a table from a field's tag to what it does with the field; a writer one from a JSON key. What always holds: fields that
the table does not have are passed over in both directions, and a dict that is returned shares nothing with another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubern.api.codec.protobuf_fields import Field, Fields
from kubern.api.codec.protobuf_values import SCALARS, SPECIAL, Value
from kubern.api.codec.protobuf_wire import (
    BYTES,
    NOT_TEXT,
    SHORT,
    TRUNCATED,
    VARINT,
    ProtobufError,
    delimited,
    fields,
    read_varint,
    skip,
    tag,
    varint,
)
from kubern.base.json import Obj

Take = Callable[[Obj, Any], None]
Put = Callable[[list[bytes], Any], None]


class Messages:
    """Every message of a table, by its key."""

    def __init__(self, table: Fields) -> None:
        self.table = table
        self._readers: dict[str, _Reader] = {}
        self._writers: dict[str, _Writer] = {}

    def reader(self, key: str) -> Callable[[bytes], Obj]:
        """Return what reads a message; it raises `ProtobufError`, `KeyError` for an unknown message."""
        if key not in self._readers:
            self._readers[key] = _Reader(self, key)
        return self._readers[key].read

    def writer(self, key: str) -> Callable[[Obj], bytes]:
        """Return what writes a message; it raises `ProtobufError`, `KeyError` for an unknown message."""
        if key not in self._writers:
            self._writers[key] = _Writer(self, key)
        return self._writers[key].write

    def value(self, of: str) -> Value:
        """Return how a type stands on the wire."""
        known = SCALARS.get(of) or SPECIAL.get(of)
        return known or Value(BYTES, self.reader(of), self.writer(of))

    def names(self, key: str) -> list[str]:
        """Return the JSON keys of a message, those of embedded ones included."""
        found: list[str] = []
        for field in self.table[key]:
            found += self.names(field.type) if field.mark == "=" else [field.name]
        return found


class _Reader:
    """Reads one message; made ready when the first one comes."""

    def __init__(self, messages: Messages, key: str) -> None:
        self._messages = messages
        self._key = key
        self._required: Obj = {}
        self._takes: dict[int, Take] = {}
        self._names: dict[int, str] = {}
        self._ready = False

    def _prepare(self) -> None:
        messages = self._messages
        for field in messages.table[self._key]:
            self._names[field.number] = field.name
            value = _extra(messages) if field.mark == "{}[]" else messages.value(field.type)
            wire = BYTES if field.mark.startswith("{}") else value.wire
            self._takes[field.number << 3 | wire] = _take(field, value)
            if field.mark == "[]" and value.wire == VARINT:
                self._takes[field.number << 3 | BYTES] = _packed(field.name, value)
            if field.mark == "!" and field.type != "y":
                self._required[field.name] = value.zero
        self._ready = True

    def read(self, data: bytes) -> Obj:
        if not self._ready:
            self._prepare()
        out = self._required.copy()
        takes, at, end = self._takes, 0, len(data)
        try:
            while at < end:
                head = data[at]
                at += 1
                if head > 127:
                    head, at = read_varint(data, at - 1)
                take = takes.get(head)
                if take is None:
                    at = self._pass_over(data, at, head)
                    continue
                number = data[at]
                at += 1
                if number > 127:
                    number, at = read_varint(data, at - 1)
                if head & 7 == VARINT:
                    take(out, number)
                    continue
                found = data[at : at + number]
                if len(found) != number:
                    raise ProtobufError(TRUNCATED)
                at += number
                take(out, found)
        except IndexError as error:
            raise ProtobufError(TRUNCATED) from error
        except UnicodeDecodeError as error:
            raise ProtobufError(NOT_TEXT) from error
        return out

    def _pass_over(self, data: bytes, at: int, head: int) -> int:
        name = self._names.get(head >> 3)
        if name is not None:
            raise ProtobufError(f"proto: wrong wireType = {head & 7} for field {name[:1].upper()}{name[1:]}")
        if head >> 3 == 0:
            raise ProtobufError(f"proto: illegal tag {head >> 3} (wire type {head})")
        return skip(data, at, head & 7)


def _take(field: Field, value: Value) -> Take:
    """Return what is done with one occurrence of a field."""
    name, read = field.name, value.read

    def embed(out: Obj, data: Any) -> None:
        out.update(read(data))

    def add(out: Obj, data: Any) -> None:
        items = out.get(name)
        if items is None:
            out[name] = [read(data)]
        else:
            items.append(read(data))

    def entry(out: Obj, data: Any) -> None:
        key, found = _entry(data, value)
        items = out.get(name)
        if items is None:
            items = out[name] = {}
        items[key] = found

    def keep(out: Obj, data: Any) -> None:
        found = read(data)
        if found is not None:  # the zero time
            out[name] = found

    def scalar(out: Obj, data: Any) -> None:
        if data:
            out[name] = read(data)

    def text(out: Obj, data: bytes) -> None:
        if data:
            out[name] = data.decode()

    if field.type == "s" and field.mark in ("", "!"):
        return text
    if field.mark == "" and (value.plain or field.type == "util.intstr.IntOrString"):
        return scalar
    return {"=": embed, "[]": add, "{}": entry, "{}[]": entry}.get(field.mark, keep)


def _packed(name: str, value: Value) -> Take:
    def take(out: Obj, data: Any) -> None:
        items, at = out.setdefault(name, []), 0
        while at < len(data):
            number, at = read_varint(data, at)
            items.append(value.read(number))

    return take


def _entry(data: bytes, value: Value) -> tuple[str, Any]:
    """Return key and value of a map's entry, of which either may be missing."""
    key = ""
    found = value.zero
    seen = False
    for number, part in fields(data):
        if number == 1 and isinstance(part, bytes):
            key = SCALARS["s"].read(part)
        elif number == 2:
            if isinstance(part, bytes) != (value.wire == BYTES):
                raise ProtobufError("proto: wrong wireType for a map's value")
            found, seen = value.read(part), True
    if not seen and value.zero is None:
        found = value.read(b"")
    return key, found


def _extra(messages: Messages) -> Value:
    """Return a list of strings as a map's value: a message with one repeated field."""
    text = messages.value("s")

    def read(data: bytes) -> list[str]:
        return [text.read(part) for number, part in fields(data) if number == 1]

    def write(items: list[str]) -> bytes:
        return b"".join([delimited(1, item.encode()) for item in items])

    return Value(BYTES, read, write)


class _Writer:
    """Writes one message; made ready when the first one comes."""

    def __init__(self, messages: Messages, key: str) -> None:
        self._puts: dict[str, Put] = {}
        self._embedded: dict[str, Field] = {}
        self._messages = messages
        self._key = key
        self._ready = False

    def _prepare(self) -> None:
        messages = self._messages
        for field in messages.table[self._key]:
            if field.mark == "=":
                self._embedded |= dict.fromkeys(messages.names(field.type), field)
            else:
                value = _extra(messages) if field.mark == "{}[]" else messages.value(field.type)
                self._puts[field.name] = _put(field, value)
        self._ready = True

    def write(self, obj: Obj) -> bytes:
        if not self._ready:
            self._prepare()
        parts: list[bytes] = []
        puts = self._puts
        apart: dict[Field, Obj] = {}
        for name, value in obj.items():
            if value is None:
                continue
            put = puts.get(name)
            if put is not None:
                put(parts, value)
            elif name in self._embedded:
                apart.setdefault(self._embedded[name], {})[name] = value
        for field, inner in apart.items():
            parts.append(delimited(field.number, self._messages.writer(field.type)(inner)))
        return b"".join(parts)


def _put(field: Field, value: Value) -> Put:
    """Return what writes one field; nothing is written for the zero of a Go scalar."""
    number, write, wire = field.number, value.write, value.wire
    head = tag(number, wire)

    def one(parts: list[bytes], found: Any) -> None:
        data = write(found)
        if wire == VARINT:
            parts.append(head + data)
        else:
            size = len(data)
            parts.append(head + (varint(size) if size > 127 else SHORT[size]) + data)

    def many(parts: list[bytes], found: Any) -> None:
        for item in found:
            if item is None:  # as Go reads it, the type's zero
                parts.append(head + b"\x00")
            else:
                one(parts, item)

    def entries(parts: list[bytes], found: Any) -> None:
        for key, item in found.items():
            data = b"" if item is None else write(item)
            parts.append(delimited(number, delimited(1, key.encode()) + delimited(2, data)))

    def scalar(parts: list[bytes], found: Any) -> None:
        if found:
            one(parts, found)

    if field.mark in ("", "!") and value.plain:
        return scalar
    return {"[]": many, "{}": entries, "{}[]": entries}.get(field.mark, one)
