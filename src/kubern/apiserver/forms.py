"""The forms in which objects are answered: whole, as a Table, as PartialObjectMetadata, or in another served version.

A form turns entries of the watch cache into JSON bytes for a single object, a list and a watch event alike. What always holds:
the whole object in its storage version (`FullForm`) costs no parsing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from copy import copy
from typing import Any, NamedTuple, Protocol

import orjson

from kubern.api.resource import Column, Resource
from kubern.apiserver.encoding import Entry
from kubern.apiserver.ordered import Ordered
from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.http.pieces import Body, Joined

_MANY = 64
"""Items from which on a list is joined while it is sent."""
INITIAL_END = "k8s.io/initial-events-end"


class ListMeta(NamedTuple):
    """The metadata of a list."""

    revision: int
    continue_token: str = ""
    remaining: int | None = None

    def obj(self) -> Obj:
        """Return it in the API's shape."""
        meta: Obj = {"resourceVersion": str(self.revision)}
        if self.continue_token:
            meta["continue"] = self.continue_token
        if self.remaining is not None:
            meta["remainingItemCount"] = self.remaining
        return meta


class Form(Protocol):
    """How a client wants objects. Forms with equal `key`s give equal bytes."""

    key: Hashable

    def encode(self, entry: Entry) -> bytes:
        """Return one object."""
        ...

    def encode_list(self, entries: Sequence[Entry], meta: ListMeta) -> Body:
        """Return a list."""
        ...

    def bookmark(self, revision: int, initial_end: bool) -> bytes:
        """Return the object of a BOOKMARK event."""
        ...


class FullForm:
    """The object as it is, in its storage version: the bytes of the cache."""

    def __init__(self, kind: str, api_version: str, list_kind: str = "", *, custom: bool = False) -> None:
        self.key: Hashable = "full"
        self._custom = custom
        self.kind, self.api_version = kind, api_version
        self._identity = {"kind": kind, "apiVersion": api_version}
        self._list_head = (
            orjson.dumps({"kind": list_kind or f"{kind}List", "apiVersion": api_version})[:-1] + b',"metadata":'
        )

    def encode(self, entry: Entry) -> bytes:
        """Return the cached bytes."""
        return entry.full

    def encode_list(self, entries: Sequence[Entry], meta: ListMeta) -> Body:
        """Join the cached bytes of the items, without kind and apiVersion in a typed list, with both in one of custom objects."""
        if self._custom:
            head = b'%b%b,"items":[' % (self._list_head, orjson.dumps({"continue": "", **meta.obj()}))
            return Joined(head, [entry.full for entry in entries], b"]}")
        head = b'%b%b,"items":[' % (self._list_head, orjson.dumps(meta.obj()))
        if isinstance(entries, Ordered) and len(entries) >= _MANY:
            return entries.joined(head, b"]}")
        items = [entry.item for entry in entries]
        if len(items) < _MANY:
            return b"%b%b]}" % (head, b",".join(items))
        return Joined(head, items, b"]}")

    def bookmark(self, revision: int, initial_end: bool) -> bytes:
        """Return an object with nothing but a resourceVersion."""
        return orjson.dumps(self._identity | {"metadata": bookmark_meta(revision, initial_end)})


class ConvertedForm:
    """The object in a served version that is not the stored one."""

    def __init__(
        self, kind: str, api_version: str, convert: Callable[[Obj], Obj], list_kind: str = "", *, custom: bool = False
    ) -> None:
        self.key: Hashable = ("version", api_version)
        self._custom = custom
        self._identity = {"kind": kind, "apiVersion": api_version}
        self._convert = convert
        self._list_kind = list_kind or f"{kind}List"

    def encode(self, entry: Entry) -> bytes:
        """Return the converted object."""
        return orjson.dumps(
            self._identity | {k: v for k, v in self._convert(entry.obj()).items() if k not in self._identity}
        )

    def encode_list(self, entries: Sequence[Entry], meta: ListMeta) -> bytes:
        """Return the converted objects."""
        objects = [entry.obj() for entry in entries]
        prepare_all(self._convert, objects)
        items = [{k: v for k, v in self._convert(obj).items() if k not in self._identity} for obj in objects]
        head = {"kind": self._list_kind, "apiVersion": self._identity["apiVersion"]}
        if self._custom:
            whole = [self._identity | item for item in items]
            return orjson.dumps(head | {"metadata": {"continue": "", **meta.obj()}, "items": whole})
        return orjson.dumps(head | {"metadata": meta.obj(), "items": items})

    def bookmark(self, revision: int, initial_end: bool) -> bytes:
        """Return an object with nothing but a resourceVersion."""
        return orjson.dumps(self._identity | {"metadata": bookmark_meta(revision, initial_end)})


class PartialForm:
    """The object's metadata alone, in a version of meta.k8s.io: v1 or v1beta1, which differ in nothing else."""

    def __init__(self, version: str = "v1") -> None:
        self.key: Hashable = ("partial", version)
        self._version = f"meta.k8s.io/{version}"
        self._identity = {"kind": "PartialObjectMetadata", "apiVersion": self._version}

    def encode(self, entry: Entry) -> bytes:
        """Return the object's metadata."""
        return orjson.dumps(self.partial(entry))

    def partial(self, entry: Entry) -> Obj:
        """Return the PartialObjectMetadata of an entry."""
        return self._identity | {"metadata": orjson.loads(entry.item)["metadata"]}

    def encode_list(self, entries: Sequence[Entry], meta: ListMeta) -> bytes:
        """Return the metadata of every object."""
        head = {"kind": "PartialObjectMetadataList", "apiVersion": self._version, "metadata": meta.obj()}
        return orjson.dumps(head | {"items": [self.partial(entry) for entry in entries]})

    def bookmark(self, revision: int, initial_end: bool) -> bytes:
        """Return metadata with nothing but a resourceVersion."""
        return orjson.dumps(self._identity | {"metadata": bookmark_meta(revision, initial_end)})


class TableForm:
    """What `kubectl get` prints: a row an object, in the columns that the resource declares.

    `include` is upstream's includeObject: `Metadata` (the default), `Object` or `None`; `version` is one of meta.k8s.io.
    """

    def __init__(
        self, resource: Resource, clock: Clock, include: str, convert: Callable[[Obj], Obj], version: str = "v1"
    ) -> None:
        self.key: Hashable = ("table", version, resource.api_version, include)
        self._version = f"meta.k8s.io/{version}"
        self._identity = {"kind": "PartialObjectMetadata", "apiVersion": self._version}
        self._columns = resource.columns or DEFAULT_COLUMNS
        self._clock = clock
        self._include = include or "Metadata"
        self._custom = resource.structural is not None
        self._convert = convert
        self._definitions: list[Obj] | None = [
            {
                "name": column.name,
                "type": column.type,
                "format": column.format or ("name" if column.name == "Name" else ""),
                "description": column.description,
                "priority": column.priority,
            }
            for column in self._columns
        ]

    @property
    def columns(self) -> bytes:
        """The columns as a Table has them, in JSON."""
        return orjson.dumps(self._definitions)

    def rows_only(self) -> TableForm:
        """Return a form without columns, for all events of a watch but the first."""
        bare = copy(self)
        bare.key, bare._definitions = (self.key, "rows"), None
        return bare

    def encode(self, entry: Entry) -> bytes:
        """Return a Table of one row."""
        return self._table([self._row(entry.obj())], {"resourceVersion": str(entry.revision)})

    def encode_list(self, entries: Sequence[Entry], meta: ListMeta) -> bytes:
        """Return a Table of all the objects."""
        objects = [entry.obj() for entry in entries]
        prepare_all(self._convert, objects)
        return self._table([self._row(obj) for obj in objects], meta.obj())

    def bookmark(self, revision: int, initial_end: bool) -> bytes:
        """Return a Table whose one row's object carries the resourceVersion."""
        partial = self._identity | {"metadata": bookmark_meta(revision, initial_end)}
        return self._table(
            [{"cells": [None] * len(self._columns), "object": partial}], {"resourceVersion": str(revision)}
        )

    def _table(self, rows: list[Obj], metadata: Obj) -> bytes:
        return orjson.dumps(
            {
                "kind": "Table",
                "apiVersion": self._version,
                "metadata": metadata,
                "columnDefinitions": self._definitions,
                "rows": rows,
            }
        )

    def _row(self, stored: Obj) -> Obj:
        now = self._clock.now()
        if self._custom:
            stored = self._convert(stored)  # the columns of a custom resource are those of its version
        row: dict[str, Any] = {"cells": [column.cell(stored, now) for column in self._columns]}
        if self._include == "Object":
            row["object"] = stored if self._custom else self._convert(stored)
        elif self._include == "Metadata":
            row["object"] = self._identity | {"metadata": stored["metadata"]}
        return row


def bookmark_meta(revision: int, initial_end: bool) -> Obj:
    """Return the metadata of a bookmark; one that ends the initial events says so."""
    metadata: Obj = {"resourceVersion": str(revision), "creationTimestamp": None}
    if initial_end:
        metadata["annotations"] = {INITIAL_END: "true"}
    return metadata


def prepare_all(convert: Callable[[Obj], Obj], objects: Sequence[Obj]) -> None:
    """Have everything converted together where that takes asking a webhook."""
    prepare = getattr(convert, "prepare", None)
    if prepare is not None:
        prepare(objects)


DEFAULT_COLUMNS = (
    Column("Name", lambda obj, now: obj["metadata"]["name"], format="name"),
    Column("Created At", lambda obj, now: obj["metadata"].get("creationTimestamp"), type="date"),
)
"""Upstream's columns of a resource that declares none."""
