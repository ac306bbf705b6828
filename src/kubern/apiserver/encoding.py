"""How an object is kept as bytes, so that reading one needs no parser.

A stored value is the object's JSON without its resourceVersion, always beginning `{"kind":K,"apiVersion":V,"metadata":{`. That
makes two splices enough for every read: the item of a typed list (no kind, no apiVersion) is
`{"metadata":{"resourceVersion":"7",…`, and the whole object is the head put before an item's second byte. Used by the watch
cache and by the storage. What always holds: an `Entry` never changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from kubern.apiserver.encryption.provider import Unopened
from kubern.apiserver.encryption.sealing import Seal
from kubern.base.errors import InternalError
from kubern.base.json import Obj
from kubern.store.contract import KeyValue

Fields = Callable[[Obj], Mapping[str, str]]


class Entry:
    """One object at one revision: its item bytes and, made when first asked for, the values that selectors need."""

    __slots__ = ("item", "key", "known_fields", "known_labels", "layout", "lease", "message", "revision")
    readable = True
    stale = False
    """Whether the value would be sealed in another way if it were stored today."""

    def __init__(self, layout: Layout, key: str, revision: int, item: bytes, lease: int = 0) -> None:
        self.layout = layout
        self.key = key
        self.revision = revision
        self.item = item
        self.lease = lease
        self.message: bytes | None = None
        """The object in protobuf, once somebody has asked for it."""
        self.known_labels: Mapping[str, str] | None = None
        self.known_fields: Mapping[str, str] | None = None

    @property
    def namespace(self) -> str:
        """The object's namespace; empty for a cluster-scoped one."""
        return self.key.partition("/")[0] if self.layout.namespaced else ""

    @property
    def name(self) -> str:
        """The object's name."""
        return self.key.partition("/")[2] if self.layout.namespaced else self.key

    @property
    def full(self) -> bytes:
        """The whole object's JSON, kind and apiVersion included."""
        return self.layout.head + self.item[1:]

    def obj(self) -> Obj:
        """Return the object, parsed anew: the caller may change it."""
        parsed: Obj = orjson.loads(self.layout.head + self.item[1:])
        return parsed

    @property
    def labels(self) -> Mapping[str, str]:
        """The object's labels."""
        if self.known_labels is None:
            self._select()
        return self.known_labels or {}

    @property
    def fields(self) -> Mapping[str, str]:
        """The values that field selectors compare."""
        if self.known_fields is None:
            self._select()
        return self.known_fields or {}

    def _select(self) -> None:
        obj = orjson.loads(self.item)
        metadata = obj["metadata"]
        self.known_labels = metadata.get("labels") or {}
        fields = dict(self.layout.fields(obj))
        fields["metadata.name"] = metadata.get("name", "")
        if self.layout.namespaced:
            fields["metadata.namespace"] = metadata.get("namespace", "")
        self.known_fields = fields

    def at(self, revision: int) -> Entry:
        """Return the same content at another revision: what a deletion's event shows."""
        rest = self.item[self.item.index(b",") + 1 :]
        return Entry(self.layout, self.key, revision, _item(revision, rest), self.lease)


class StaleEntry(Entry):
    """An object that the next write stores in another way, even if it changes nothing."""

    __slots__ = ()
    stale = True


class UnreadableEntry(Entry):
    """An object whose value cannot be opened: whoever reads it gets upstream's error."""

    __slots__ = ("_why",)
    readable = False

    def __init__(self, layout: Layout, key: str, revision: int, lease: int, why: str) -> None:
        super().__init__(layout, key, revision, b"", lease)
        self._why = why

    def __getattribute__(self, name: str) -> Any:
        if name == "item":
            raise InternalError(object.__getattribute__(self, "_why"))
        return object.__getattribute__(self, name)


class Layout:
    """The byte layout of one stored resource."""

    __slots__ = ("_start", "api_version", "fields", "head", "kind", "namespaced", "seal")

    def __init__(self, kind: str, api_version: str, namespaced: bool, fields: Fields) -> None:
        self.kind = kind
        self.api_version = api_version
        self.namespaced = namespaced
        self.fields = fields
        self.head = orjson.dumps({"kind": kind, "apiVersion": api_version})[:-1] + b","
        self._start = self.head + b'"metadata":{'
        self.seal: Seal | None = None
        """What values are encrypted with in the store; None where nothing ever is."""

    def encode(self, obj: Obj) -> bytes:
        """Return the value to store for `obj`."""
        metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
        ordered: dict[str, Any] = {"kind": self.kind, "apiVersion": self.api_version, "metadata": metadata}
        for key, value in obj.items():
            if key not in ordered:
                ordered[key] = value
        return orjson.dumps(ordered)

    def entry(self, key: str, value: bytes, revision: int, lease: int = 0) -> Entry:
        """Return the entry of a stored value; one that something else wrote is put into our layout first."""
        if not value.startswith(self._start):
            value = self.encode(orjson.loads(value))
        return Entry(self, key, revision, _item(revision, value[len(self._start) :]), lease)

    def shown(self, obj: Obj, revision: int) -> Entry:
        """Return the entry of an object that is at hand in its storage version."""
        return Entry(self, "", revision, _item(revision, Layout.encode(self, obj)[len(self._start) :]))

    def entry_of(self, key: str, stored: KeyValue) -> Entry:
        """Return the entry of what the store answered."""
        if self.seal is None:
            return self.entry(key, stored.value, stored.mod_revision, stored.lease)
        try:
            value = self.seal.open(stored.key, stored.value)
        except Unopened as error:
            why = f'Internal error occurred: unable to transform key "{stored.key.decode()}": {error}'
            return UnreadableEntry(self, key, stored.mod_revision, stored.lease, why)
        entry = self.entry(key, value, stored.mod_revision, stored.lease)
        if self.seal.stale(stored.value):
            return StaleEntry(self, key, entry.revision, entry.item, entry.lease)
        return entry


def _item(revision: int, rest: bytes) -> bytes:
    return b'{"metadata":{"resourceVersion":"%d",%b' % (revision, rest)
