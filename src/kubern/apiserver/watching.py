"""Delivering changes to watchers: encoded once, the same chunk to everyone who sees the same.

Watchers with the same form and the same selection share a `Group`; a group turns a batch of changes into one framed chunk. What
always holds: a watcher that joins has been given everything up to the newest change in the cache, and every later change
reaches it once, in order. Nothing here waits for a slow watcher: the connection cuts it off.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Iterable

from kubern.api.codec import cbor, encode_watch_event
from kubern.api.codec.protobuf import PREFIX
from kubern.apiserver.cache import Change, Match
from kubern.apiserver.counts import Events
from kubern.apiserver.forms import Form
from kubern.http.contract import StreamWriter, frame_chunk

SLICE = 100
"""Writes in a row before the loop gets a turn: 1,000 TLS writes of 16 µs would stall it for 16 ms."""


def event_line(kind: str, obj: bytes) -> bytes:
    """Return one line of a watch stream; one frame for an object in protobuf."""
    if obj.startswith(PREFIX):
        return encode_watch_event(kind, obj)
    if obj.startswith(cbor.SELF_DESCRIBED):
        return cbor.encode_watch_event(kind, obj)
    return b'{"type":"%b","object":%b}\n' % (kind.encode(), obj)


class Watcher:
    """One open watch."""

    __slots__ = ("bookmarks", "group", "writer")

    def __init__(self, writer: StreamWriter, group: Group, bookmarks: bool) -> None:
        self.writer = writer
        self.group = group
        self.bookmarks = bookmarks


class Group:
    """The watchers that see the same events in the same form."""

    def __init__(self, form: Form, match: Match | None) -> None:
        self.form = form
        self.match = match
        self.watchers: dict[Watcher, None] = {}

    def line(self, change: Change) -> bytes:
        """Return the line that this group's watchers get for a change; empty for none."""
        seen = change.seen_by(self.match)
        if seen is None:
            return b""
        kind, entry = seen
        key = (self.form.key, kind)
        frame = change.frames.get(key)
        if frame is None:
            frame = change.frames[key] = event_line(kind, self.form.encode(entry))
        return frame

    def lines(self, changes: Iterable[Change], events: Events, watchers: int) -> bytes:
        """Return the lines of a batch of changes, which count as sent to so many watchers."""
        lines = [self.line(change) for change in changes]
        for line in lines:
            if line:
                events.sent(len(line), watchers)
        return b"".join(lines)


class Broadcaster:
    """The watchers of one resource and what has still to be sent to them."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, Group] = {}
        self._fresh: list[Change] = []
        self._jobs: deque[tuple[bytes, list[Watcher]]] = deque()
        self._scheduled = False
        self.events = Events()

    def publish(self, change: Change) -> None:
        """Take a change that the cache has just applied."""
        if self._groups:
            self._fresh.append(change)
            self._schedule()

    def join(
        self, key: Hashable, make: Callable[[], Group], writer: StreamWriter, bookmarks: bool, backlog: Iterable[Change]
    ) -> Watcher:
        """Add a watcher that has missed `backlog`, the changes in the cache since its start."""
        self._collect()
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = make()
        missed = group.lines(backlog, self.events, 1)
        if missed:
            writer.write_framed(frame_chunk(missed))
        watcher = Watcher(writer, group, bookmarks)
        group.watchers[watcher] = None
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Forget a watcher whose answer has ended."""
        watcher.group.watchers.pop(watcher, None)
        if not watcher.group.watchers:
            for key, group in list(self._groups.items()):
                if group is watcher.group:
                    del self._groups[key]

    def bookmark(self, revision: int) -> None:
        """Tell every watcher that asked for bookmarks that it has seen everything up to `revision`."""
        self._collect()
        for group in self._groups.values():
            takers = [watcher for watcher in group.watchers if watcher.bookmarks]
            if takers:
                line = event_line("BOOKMARK", group.form.bookmark(revision, False))
                self._jobs.append((frame_chunk(line), takers))
        self._schedule()

    def close_all(self) -> None:
        """End every watch: the cache started over and cannot say what was missed, or the server stops."""
        self._collect()
        self._deliver(len(self._jobs))
        for group in list(self._groups.values()):
            for watcher in list(group.watchers):
                watcher.writer.close()

    def _schedule(self) -> None:
        if not self._scheduled and (self._fresh or self._jobs):
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.pump)

    @property
    def busy(self) -> bool:
        """Whether something has still to be sent."""
        return bool(self._fresh or self._jobs)

    def pump(self) -> None:
        """Send a slice of what has to be sent; the loop calls it until nothing is left."""
        self._scheduled = False
        self._collect()
        self._deliver(SLICE)
        self._schedule()

    def _collect(self) -> None:
        """Turn the fresh changes into one chunk a group."""
        fresh, self._fresh = self._fresh, []
        if not fresh:
            return
        for group in self._groups.values():
            data = group.lines(fresh, self.events, len(group.watchers))
            if data:
                self._jobs.append((frame_chunk(data), list(group.watchers)))

    def _deliver(self, budget: int) -> None:
        while self._jobs and budget > 0:
            chunk, watchers = self._jobs[0]
            now, later = watchers[:budget], watchers[budget:]
            budget -= max(len(now), 1)
            if later:
                self._jobs[0] = (chunk, later)
            else:
                self._jobs.popleft()
            for watcher in now:
                if not watcher.writer.closed:
                    watcher.writer.write_framed(chunk)
