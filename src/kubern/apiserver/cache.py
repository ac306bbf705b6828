"""The watch cache of one stored resource: its objects as bytes, and the latest changes.

Fed by the `Feed` alone, in revision order; read by GET, LIST and WATCH without waiting. What always holds: `keys` is sorted
and holds exactly the keys of `entries`; `window` holds every change after `floor`, oldest first.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kubern.apiserver.encoding import Entry, Layout
from kubern.apiserver.ordered import Ordered, Wanted
from kubern.store.contract import Event, KeyValue

WINDOW = 4096
"""How many changes a watch can be resumed from; a relist is what an older one costs."""

Match = Callable[[Entry], bool]


class Change:
    """One change of one object. `entry` is what the object is now or, deleted, what it last was at the deletion's revision."""

    __slots__ = ("deleted", "entry", "frames", "previous")

    def __init__(self, deleted: bool, entry: Entry, previous: Entry | None) -> None:
        self.deleted = deleted
        self.entry = entry
        self.previous = previous
        self.frames: dict[Any, bytes] = {}
        """The encoded events, by form and type: made once, sent to every watcher."""

    def seen_by(self, match: Match | None) -> tuple[str, Entry] | None:
        """Return the event that a watcher with this selector sees: a change in or out of the selection is ADDED or DELETED."""
        if match is None:
            now, before = not self.deleted, self.previous is not None
        else:
            now = not self.deleted and match(self.entry)
            before = self.previous is not None and match(self.previous)
        if now:
            return ("MODIFIED" if before else "ADDED"), self.entry
        if before and self.previous is not None:
            return "DELETED", self.entry if self.deleted else self.previous.at(self.entry.revision)
        return None


class ResourceCache:
    """The objects of one storage prefix."""

    def __init__(self, layout: Layout, prefix: str) -> None:
        self.layout = layout
        self.prefix = prefix
        self.entries: dict[str, Entry] = {}
        self.keys: list[str] = []
        self.window: deque[Change] = deque()
        self.floor = 0
        self.changed_at = 0
        """The revision of the newest change: a list taken at or after it is still the current one."""
        self._ordered: Ordered | None = None
        """All the objects, kept between two changes: when many start to watch at once, each lists first."""

    def load(self, entries: Iterable[Entry], revision: int) -> None:
        """Start over with these objects, taken at `revision`."""
        self.entries = {entry.key: entry for entry in entries}
        self.keys = sorted(self.entries)
        self._ordered = None
        self.window.clear()
        self.floor = self.changed_at = revision

    def apply(self, key: str, event: Event) -> Change | None:
        """Take one event of the store in and return the change; None for a deletion of what was not here."""
        revision = event.current.mod_revision
        self._ordered = None
        self.changed_at = revision
        known = self.entries.get(key)
        # what could not be read was never shown: it appears when it can be read, and goes without a word
        previous = known if known is None or known.readable else None
        if event.deleted:
            if known is not None:
                del self.entries[key]
                del self.keys[bisect_left(self.keys, key)]
            if previous is None:
                return None
            change = Change(True, previous.at(revision), previous)
        else:
            entry = self.layout.entry_of(key, event.current)
            if known is None:
                insort(self.keys, key)
            self.entries[key] = entry
            if not entry.readable:
                return None
            change = Change(False, entry, previous)
        self.window.append(change)
        if len(self.window) > WINDOW:
            self.floor = self.window.popleft().entry.revision
        return change

    def reopen(self, stored: Iterable[tuple[str, KeyValue]]) -> bool:
        """Make the entries anew of what has not changed since it was read; returns whether one can be read or not unlike before."""
        turned = False
        for key, item in stored:
            known = self.entries.get(key)
            if known is not None and known.revision == item.mod_revision:
                entry = self.entries[key] = self.layout.entry_of(key, item)
                turned = turned or entry.readable is not known.readable
        self._ordered = None
        return turned

    def since(self, revision: int) -> list[Change]:
        """Return the changes after `revision`, which must not be below `floor`."""
        newest: list[Change] = []
        for change in reversed(self.window):
            if change.entry.revision <= revision:
                break
            newest.append(change)
        newest.reverse()
        return newest

    def select(self, namespace: str = "", start: str = "", wanted: Wanted | None = None) -> Sequence[Entry]:
        """Return the objects of a namespace (empty: all) in key order, from key `start` on; the sequence must not be changed.

        Whoever says what is `wanted` may get fewer, never one too few.
        """
        entries = self.entries
        if namespace or start:
            return [entries[key] for key in self.span(namespace, start)]
        if self._ordered is None:
            self._ordered = Ordered([entries[key] for key in self.keys])
        return self._ordered if wanted is None else self._ordered.narrowed(wanted)

    def span(self, namespace: str = "", start: str = "") -> Sequence[str]:
        """Return the keys of a namespace (empty: all), from key `start` on; they must not be changed."""
        keys = self.keys
        if namespace:
            first = bisect_left(keys, max(start, f"{namespace}/"))
            return keys[first : bisect_left(keys, f"{namespace}0", first)]  # "0" is the character after "/"
        return keys[bisect_left(keys, start) :] if start else keys
