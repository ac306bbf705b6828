"""The writes on their way to the disk, in order, and who waits for them. Used by `embedded`, on the event loop only.

A write is decided upon what the newest write before it, durable or not, left of its key; readers and watches see it
only once it is durable. When a commit fails, everything in flight fails with it, because it was decided upon it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kubern.store.contract import StoreUnavailable
from kubern.store.index import Change, Entry, Index, next_entry
from kubern.store.writer import Row, Statement, Writer


class InFlight:
    """One write that is not durable yet. `change` is `None` for what is not a revision (leases, compaction)."""

    __slots__ = ("_waiters", "change", "number", "value")

    def __init__(self, number: int, change: Change | None, value: bytes | None) -> None:
        self.number = number
        self.change = change
        self.value = value
        self._waiters: list[asyncio.Future[None]] = []

    async def durable(self) -> None:
        """Return once it is on the disk. Raises `StoreUnavailable`. A cancelled caller cancels nothing but its waiting."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def settle(self, error: Exception | None) -> None:
        """Answer everybody who waits."""
        for waiter in self._waiters:
            if waiter.done():
                continue
            if error:
                waiter.set_exception(error)
            else:
                waiter.set_result(None)


class Pipeline:
    """Numbers the writes and hands them to the writer. `publish(writes)` is called for each commit before anybody is answered."""

    def __init__(self, file: Path, index: Index, publish: Callable[[Sequence[InFlight]], None]) -> None:
        self._index = index
        self._publish = publish
        self._queue: deque[InFlight] = deque()
        self._newest: dict[bytes, InFlight] = {}
        self._number = 0
        self._next_revision = index.revision + 1
        self._loop = asyncio.get_running_loop()
        self._writer = Writer(
            file,
            lambda number: self._loop.call_soon_threadsafe(self._committed, number),
            lambda error: self._loop.call_soon_threadsafe(self._failed, error),
        )

    def newest(self, key: bytes) -> InFlight | None:
        """Return the last write of `key` that is still in flight."""
        return self._newest.get(key)

    def write(self, key: bytes, value: bytes | None, previous: Entry | None, lease: int) -> InFlight:
        """Queue the next revision; `previous` is how the key stands after everything in flight."""
        entry = next_entry(key, previous, self._next_revision, delete=value is None, lease=lease)
        self._next_revision += 1
        write = self._enqueue(Change(entry, previous), value)
        self._newest[key] = write
        row = (entry.revision, key, value, entry.create_revision, entry.version, entry.lease)
        self._writer.put(Row(write.number, row))
        return write

    def execute(self, *parts: tuple[str, Sequence[Any]]) -> InFlight:
        """Queue other SQL as one commit of its own."""
        job = self._enqueue(None, None)
        self._writer.put(Statement(job.number, parts))
        return job

    async def stop(self) -> None:
        """Finish what is queued and end the threads; whatever could not be written fails."""
        await self._loop.run_in_executor(None, self._writer.stop)
        self._fail(StoreUnavailable("the store is closed"))

    def _enqueue(self, change: Change | None, value: bytes | None) -> InFlight:
        self._number += 1
        item = InFlight(self._number, change, value)
        self._queue.append(item)
        return item

    def _committed(self, number: int) -> None:
        done: list[InFlight] = []
        while self._queue and self._queue[0].number <= number:
            item = self._queue.popleft()
            done.append(item)
            if item.change:
                self._index.apply(item.change)
                key = item.change.current.key
                if self._newest.get(key) is item:
                    del self._newest[key]
        self._publish([item for item in done if item.change])
        for item in done:
            item.settle(None)

    def _failed(self, error: sqlite3.Error) -> None:
        self._writer.reset()
        self._fail(StoreUnavailable(f"the write could not be made durable: {error}"))

    def _fail(self, error: StoreUnavailable) -> None:
        items, self._queue = self._queue, deque()
        self._newest.clear()
        self._next_revision = self._index.revision + 1
        for item in items:
            item.settle(StoreUnavailable(*error.args))
