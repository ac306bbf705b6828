"""What the embedded store knows of its keys without touching the disk: all but their values.

Used by `embedded`, on the event loop only. It holds the live keys in order and, back to the compacted revision, one
`Change` a revision: that log answers a range at an old revision (take what is there now and undo the changes since) and
a watch that starts in the past. A live key costs about 350 bytes and a change about 200, whatever its value's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import NamedTuple

from kubern.store.contract import KeyValue
from kubern.store.sorted_keys import SortedKeys


class Entry(NamedTuple):
    """A key as one write left it. `version` 0 is a deletion. `revision` also numbers the row that holds the value."""

    key: bytes
    create_revision: int
    revision: int
    version: int
    lease: int

    def with_value(self, value: bytes) -> KeyValue:
        """Return the contract's shape of this entry."""
        return KeyValue(self.key, value, self.create_revision, self.revision, self.version, self.lease)


class Change(NamedTuple):
    """One revision: the key after it and before it (`None`: it was absent)."""

    current: Entry
    previous: Entry | None


class Found(NamedTuple):
    """The entries of a range, cut to the limit, and how many there are in all."""

    entries: list[Entry]
    total: int


def next_entry(key: bytes, previous: Entry | None, revision: int, *, delete: bool, lease: int) -> Entry:
    """Return what a write at `revision` makes of a key that stood as `previous`."""
    if delete:
        return Entry(key, 0, revision, 0, 0)
    if previous is None:
        return Entry(key, revision, revision, 1, lease)
    return Entry(key, previous.create_revision, revision, previous.version + 1, lease)


class Index:
    """The live keys and the changes since `compacted`. Revision 1 is the empty store, as in etcd."""

    def __init__(self, compacted: int = 0) -> None:
        self.compacted = compacted
        self.revision = 1
        self._live: dict[bytes, Entry] = {}
        self._keys = SortedKeys()
        self._log: list[Change] = []
        self._log_start = 2

    @classmethod
    def load(cls, rows: Iterator[Entry], compacted: int) -> tuple[Index, list[int]]:
        """Rebuild the index from all rows in revision order; also return the rows that a compaction left over."""
        index = cls(compacted)
        index._log_start = max(compacted, 2)
        leftover: list[int] = []
        for entry in rows:
            previous = index._live.get(entry.key)
            index.revision = entry.revision
            if entry.revision >= index._log_start:
                index._log.append(Change(entry, previous))
            else:
                if previous:
                    leftover.append(previous.revision)
                if not entry.version:
                    leftover.append(entry.revision)
            if entry.version:
                index._live[entry.key] = entry
            else:
                index._live.pop(entry.key, None)
        index._keys = SortedKeys(index._live)
        return index, leftover

    def get(self, key: bytes) -> Entry | None:
        """Return the key as it stands."""
        return self._live.get(key)

    def apply(self, change: Change) -> None:
        """Make the next revision the newest."""
        entry = change.current
        self._log.append(change)
        self.revision = entry.revision
        if entry.version:
            if change.previous is None:
                self._keys.add(entry.key)
            self._live[entry.key] = entry
        else:
            self._live.pop(entry.key, None)
            self._keys.discard(entry.key)

    def range(self, start: bytes, end: bytes | None, limit: int, revision: int) -> Found:
        """Return the entries in [start, end) at `revision`, which must lie between `compacted` and the newest."""
        if revision == self.revision:
            keys = self._keys.iterate(start, end)
            entries = [self._live[key] for key in (islice(keys, limit) if limit else keys)]
            return Found(entries, self._keys.count(start, end) if limit else len(entries))
        before = self._before(start, end, revision)
        restored = sorted(entry for entry in before.values() if entry)
        unchanged = (self._live[key] for key in self._keys.iterate(start, end) if key not in before)
        total = self._keys.count(start, end) - sum(key in self._live for key in before) + len(restored)
        both = merge(unchanged, restored)
        return Found(list(islice(both, limit) if limit else both), total)

    def count(self, start: bytes, end: bytes | None, revision: int) -> int:
        """Return how many keys [start, end) held at `revision`."""
        if revision == self.revision:
            return self._keys.count(start, end)
        return self.range(start, end, 1, revision).total

    def changes(self, revision: int, limit: int) -> list[Change]:
        """Return at most `limit` changes from `revision` on, which must not lie before the log."""
        at = max(revision - self._log_start, 0)
        return self._log[at : at + limit]

    def compact(self, revision: int) -> list[int]:
        """Forget the changes before `revision`; return the rows that nobody can ask for any more."""
        gone = self._log[: max(revision - self._log_start, 0)]
        del self._log[: len(gone)]
        self._log_start += len(gone)
        self.compacted = revision
        rows = [change.previous.revision for change in gone if change.previous]
        rows.extend(change.current.revision for change in gone if not change.current.version)
        return rows

    def _before(self, start: bytes, end: bytes | None, revision: int) -> dict[bytes, Entry | None]:
        """Return, for each key in the range that changed after `revision`, how it stood then."""
        before: dict[bytes, Entry | None] = {}
        for change in self._log[max(revision + 1 - self._log_start, 0) :]:
            key = change.current.key
            if key >= start and (end is None or key < end) and key not in before:
                before[key] = change.previous
        return before
