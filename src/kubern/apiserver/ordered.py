"""All objects of one resource in the order of their keys, and what lists have worked out about them.

Made by the `cache` for the first list after a change and thrown away with the next change, so nothing here is ever stale. What
always holds: the entries never change; an index only narrows down, whoever asks still tests what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from kubern.apiserver.encoding import Entry
from kubern.http.pieces import Joined, blocks_of

_MOST = 8
"""Indexes kept at a time: each costs a pointer an object."""
_KEPT = 32 * 1024 * 1024
"""Bytes of a list that are kept joined until the next change."""


class Index(NamedTuple):
    """What entries are grouped by: a label, or a field that selectors know; `default` is what an absent one counts as."""

    of: Literal["labels", "fields"]
    name: str
    default: str | None

    def value(self, entry: Entry) -> str | None:
        """Return what the entry is found under."""
        values = entry.labels if self.of == "labels" else entry.fields
        return values.get(self.name, self.default)


class Wanted(NamedTuple):
    """One equality that everything selected satisfies."""

    by: Index
    value: str


class Ordered(list[Entry]):
    """The entries; not to be changed."""

    __slots__ = ("_blocks", "_groups", "_items")

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__(entries)
        self._groups: dict[Index, dict[str | None, list[Entry]] | None] = {}
        self._items: list[bytes] | None = None
        self._blocks: list[bytes] | None = None

    def narrowed(self, wanted: Wanted) -> Sequence[Entry]:
        """Return entries in order, among them all that satisfy `wanted`.

        The first question of a kind gets everything: where objects change all the time, an index would be made for each list. The
        second finds nothing changed and pays for the index, a quarter more than a look at each entry; the later ones look at
        what they want only.
        """
        index = wanted.by
        if index not in self._groups:
            if len(self._groups) < _MOST:
                self._groups[index] = None
            return self
        groups = self._groups[index]
        if groups is None:
            groups = {}
            for entry in self:
                groups.setdefault(index.value(entry), []).append(entry)
            self._groups[index] = groups  # not before it is whole: an entry that cannot be read raises
        return groups.get(wanted.value, ())

    def joined(self, head: bytes, tail: bytes) -> Joined:
        """Return the list's body: all items between `head` and `tail`.

        Who asks twice between two changes is not alone, as after a restart of the server: the second finds the blocks that it
        is made of put together for all that follow, unless they are more than `_KEPT`.
        """
        if self._items is None:
            self._items = [entry.item for entry in self]
            return Joined(head, self._items, tail)
        if self._blocks is None and sum(map(len, self._items)) <= _KEPT:
            self._blocks = list(blocks_of(self._items))
            self._items = []
        return Joined(head, self._items, tail, self._blocks)
