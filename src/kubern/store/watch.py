"""Watches of the embedded store: who gets which event, catching up from the past, and cutting off who is too slow.

Used by `embedded`, on the event loop only. A live watch is a buffer that `Subscribers.publish` fills and never waits for. One
that starts in the past reads the store's log at its reader's own pace, through `History`, and joins the live ones when
it has reached the present; it holds no memory meanwhile.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from kubern.store.contract import Compacted, Event, StoreError


class History(Protocol):
    """Where a watch reads what happened before it came. Raises `Compacted`, `StoreUnavailable`."""

    def events_from(self, revision: int) -> tuple[Sequence[Event], int]:
        """Return some events from `revision` on, and the revision to go on from; no events: the present is reached."""
        ...


class EmbeddedWatch:
    """One watch; see `contract.Watch`. Iterate once, in one task."""

    def __init__(
        self, key: bytes, end: bytes | None, history: History, forget: Callable[[EmbeddedWatch], None], max_unread: int
    ) -> None:
        self.start = key
        self.end = key + b"\0" if end is None else end
        self._history = history
        self._forget = forget
        self._max_unread = max_unread
        self._unread: deque[Sequence[Event]] = deque()
        self._count = 0
        self._first = 0
        self._behind: int | None = None
        self._error: Exception | None = None
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None

    def read_from(self, revision: int) -> None:
        """Begin at `revision`; live events come once the reader has reached the present."""
        self._behind = self._first = revision

    def wants(self, event: Event) -> bool:
        """Return whether a live event is for this watch: it has reached the present and its start revision."""
        return self._behind is None and not self._closed and event.current.mod_revision >= self._first

    def holds(self, key: bytes) -> bool:
        """Return whether the watch is about `key`."""
        return self.start <= key and (self.end == b"\0" or key < self.end)

    def deliver(self, events: Sequence[Event], compacted: int) -> None:
        """Take live events; too many unread ones end the watch with `Compacted`."""
        self._unread.append(events)
        self._count += len(events)
        if self._count > self._max_unread:
            self._unread.clear()
            self.end_with(Compacted(compacted))
        self._wake()

    def end_with(self, error: Exception | None) -> None:
        """Let the reader see what is buffered, then `error`, or a plain end."""
        self._error = self._error or error
        self._closed = True
        self._forget(self)
        self._wake()

    def close(self) -> None:
        """End the watch; its reader sees a plain end and nothing that was still unread."""
        self._unread.clear()
        self.end_with(None)

    def __aiter__(self) -> AsyncIterator[Sequence[Event]]:
        return self

    async def __anext__(self) -> Sequence[Event]:
        while True:
            if self._behind is not None and not self._closed:
                # other tasks run between two slices of a long past; before the read, so that a cancelled wait loses nothing
                await breathe()
                found = self._catch_up()
                if found:
                    return found
            elif self._unread:
                batches, self._unread, self._count = self._unread, deque(), 0
                return batches[0] if len(batches) == 1 else [event for batch in batches for event in batch]
            elif self._error:
                raise self._error
            elif self._closed:
                raise StopAsyncIteration
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter

    def _catch_up(self) -> list[Event]:
        if self._behind is None or self._closed:
            return []
        try:
            events, following = self._history.events_from(self._behind)
        except StoreError as error:
            self.end_with(error)
            raise
        self._behind = following if events else None
        return [event for event in events if self.holds(event.current.key)]

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


class Subscribers:
    """All watches, found by key: the key space is cut at every watch's ends, and each piece knows its watches.

    With a hundred watches of disjoint prefixes an event looks at one of them, not at a hundred.
    """

    def __init__(self) -> None:
        self._watches: set[EmbeddedWatch] = set()
        self._cuts: list[bytes] | None = None
        self._pieces: list[list[EmbeddedWatch]] = []

    def add(self, watch: EmbeddedWatch) -> None:
        """Have a watch told of what it is interested in."""
        self._watches.add(watch)
        self._cuts = None

    def discard(self, watch: EmbeddedWatch) -> None:
        """Tell a watch no more."""
        self._watches.discard(watch)
        self._cuts = None

    def interested(self, key: bytes) -> Sequence[EmbeddedWatch]:
        """Return the watches about `key`, live or not yet."""
        if self._cuts is None:
            self._cuts = sorted(
                {b""} | {w.start for w in self._watches} | {w.end for w in self._watches if w.end != b"\0"}
            )
            self._pieces = [[w for w in self._watches if w.holds(cut)] for cut in self._cuts]
        return self._pieces[bisect_right(self._cuts, key) - 1]

    def publish(self, events: Sequence[Event], compacted: int) -> None:
        """Hand events, in revision order, to every live watch about them."""
        batches: dict[EmbeddedWatch, list[Event]] = {}
        for event in events:
            for watch in self.interested(event.current.key):
                if watch.wants(event):
                    batches.setdefault(watch, []).append(event)
        for watch, batch in batches.items():
            watch.deliver(batch, compacted)

    def fail(self, keys: Sequence[bytes], error: StoreError) -> None:
        """End every watch about these keys: their events cannot be told."""
        for watch in {watch for key in keys for watch in self.interested(key)}:
            watch.end_with(error)

    def end_all(self) -> None:
        """End every watch plainly, after what is buffered."""
        for watch in tuple(self._watches):
            watch.end_with(None)


async def breathe() -> None:
    """Let the other tasks run once."""
    loop = asyncio.get_running_loop()
    turn = loop.create_future()
    loop.call_soon(turn.set_result, None)
    await turn
