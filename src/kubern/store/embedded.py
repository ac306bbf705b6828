"""The embedded back end: etcd's semantics on one SQLite file, for one process on one machine.

Made by whoever runs the apiserver, with `await EmbeddedStore.open(directory, clock=…)`; closed by the same.
All state is touched on the event loop only; one thread writes (see `writer`), and publishing follows its commits.

Values are not kept in memory: the watch cache above holds every object already, and holding each twice would cost 150 MB
for 50,000 objects of 3 KB. The index knows every key's revisions; a value is read back by its row number, out of the
system's page cache, when somebody asks: 4 µs for one, 1 µs each in bulk. That is less than a hop to another thread
(60 µs), so reads run on the event loop, in slices of 256 rows between which other tasks run.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import orjson

from kubern.base.clock import Clock
from kubern.store import database
from kubern.store.contract import (
    Compacted,
    Event,
    FutureRevision,
    KeyValue,
    LeaseNotFound,
    RangeResult,
    StoreError,
    StoreUnavailable,
    TxnResult,
)  # fmt: skip
from kubern.store.database import Opened
from kubern.store.index import Change, Entry
from kubern.store.leases import Leases
from kubern.store.pipeline import InFlight, Pipeline
from kubern.store.watch import EmbeddedWatch, Subscribers, breathe

log = logging.getLogger(__name__)

RETENTION = 300.0
"""Seconds of history that automatic compaction keeps, as upstream's apiserver asks of etcd (--etcd-compaction-interval)."""
MAX_UNREAD = 20_000
"""Events a watch may leave unread before it is cut off: at 10,000 writes a second, two seconds of a stopped reader."""
_SLICE = 256
_SWEEP = 1000
_COMPACT_EVERY = 60.0


class EmbeddedStore:
    """See `contract.Store`."""

    shared = False

    def __init__(self, opened: Opened, clock: Clock, retention: float | None, max_unread: int) -> None:
        """Use `open`."""
        self._clock = clock
        self._retention = retention
        self._max_unread = max_unread
        self._lock = opened.lock
        self._file = opened.file
        self._reader = opened.reader
        self._index = opened.contents
        self._garbage = opened.leftover
        self._leases = Leases(opened.ttls, clock.monotonic())
        if opened.ttls:
            self._leases.attach(
                Change(e, None) for e in opened.contents.range(b"", None, 0, opened.contents.revision).entries
            )
        self._subscribers = Subscribers()
        self._pipeline = Pipeline(opened.file, opened.contents, self._publish)
        self._closed = False
        self._housekeeping = asyncio.create_task(self._keep_house(), name="store housekeeping")

    @classmethod
    async def open(
        cls, directory: Path, *, clock: Clock, retention: float | None = RETENTION, max_unread: int = MAX_UNREAD
    ) -> EmbeddedStore:
        """Open the store in `directory`, made if need be. `retention` is in seconds; `None`: compact only when asked.

        Raises `StoreError` when another process has it open, `StoreUnavailable` when the disk refuses.
        """
        opened = await asyncio.get_running_loop().run_in_executor(None, database.open_directory, directory)
        return cls(opened, clock, retention, max_unread)

    async def revision(self) -> int:
        """See `contract.Store.revision`."""
        return self._index.revision

    async def size(self) -> int:
        """See `contract.Store.size`: the file and its log."""
        files = [self._file, self._file.with_name(f"{self._file.name}-wal")]
        return sum(await asyncio.gather(*(asyncio.to_thread(_size_of, file) for file in files)))

    @property
    def compact_revision(self) -> int:
        """The oldest revision that can be read (0: all of them)."""
        return self._index.compacted

    async def range(
        self, key: bytes, end: bytes | None = None, *, limit: int = 0, revision: int = 0, count_only: bool = False
    ) -> RangeResult:
        """See `contract.Store.range`. `revision` of the result is the newest one when the range was read."""
        self._check_open()
        stop = key + b"\0" if end is None else (None if end == b"\0" else end)
        while True:
            newest = self._index.revision
            at = self._check_revision(revision) or newest
            if count_only:
                return RangeResult((), newest, False, self._index.count(key, stop, at))
            entries, total = self._index.range(key, stop, limit, at)
            items = await self._load(entries)
            if items is not None:
                return RangeResult(items, newest, len(items) < total, total)
            # compacted while it was read in slices: the present can be read again, the past is gone (checked above)

    async def same(self, key: bytes, end: bytes, before: int, after: int) -> bool:
        """See `contract.Store.same`."""
        old = await self.range(key, end, revision=before)
        return old.items == (await self.range(key, end, revision=after)).items

    async def txn(self, key: bytes, value: bytes | None, *, expected: int | None = None, lease: int = 0) -> TxnResult:
        """See `contract.Store.txn`. `current` is the key as written; `None` after a deletion."""
        self._check_open()
        if lease and value is not None and lease not in self._leases:
            raise LeaseNotFound(f"lease {lease} not found")
        ahead = self._pipeline.newest(key)
        if ahead and ahead.change:
            previous = ahead.change.current if ahead.change.current.version else None
        else:
            previous = self._index.get(key)
        matches = expected is None or expected == (previous.revision if previous else 0)
        if not matches or (value is None and previous is None):
            return await self._refuse(ahead, previous)
        write = self._pipeline.write(key, value, previous, lease)
        await write.durable()
        assert write.change
        entry = write.change.current
        return TxnResult(True, entry.revision, None if value is None else entry.with_value(value))

    def watch(self, key: bytes, end: bytes | None = None, *, revision: int = 0) -> EmbeddedWatch:
        """See `contract.Store.watch`. Its iterator raises `StoreUnavailable` when values cannot be read back."""
        self._check_open()
        watch = EmbeddedWatch(key, end, self, self._subscribers.discard, self._max_unread)
        if revision:
            watch.read_from(revision)
        self._subscribers.add(watch)
        return watch

    async def compact(self, revision: int) -> None:
        """See `contract.Store.compact`."""
        self._check_open()
        if revision > self._index.revision:
            raise FutureRevision(self._index.revision)
        if revision <= self._index.compacted:
            raise Compacted(self._index.compacted)
        self._garbage.extend(self._index.compact(revision))
        await self._sweep()

    async def grant(self, ttl: int) -> int:
        """See `contract.Store.grant`."""
        self._check_open()
        lease = self._leases.grant(ttl, self._clock.monotonic())
        try:
            await self._pipeline.execute(("insert into lease values (?, ?)", (lease, ttl))).durable()
        except StoreUnavailable:
            self._leases.end(lease)
            self._leases.forget(lease)
            raise
        return lease

    async def keep_alive(self, lease: int) -> int:
        """See `contract.Store.keep_alive`."""
        self._check_open()
        if lease not in self._leases:
            raise LeaseNotFound(f"lease {lease} not found")
        return self._leases.renew(lease, self._clock.monotonic())

    async def revoke(self, lease: int) -> None:
        """See `contract.Store.revoke`. Each key is a revision of its own."""
        self._check_open()
        if lease not in self._leases:
            raise LeaseNotFound(f"lease {lease} not found")
        self._leases.end(lease)
        try:
            # an empty commit: the writes that took the lease before it ended have been published after it
            await self._pipeline.execute().durable()
            await asyncio.gather(*(self._delete_leased(key, lease) for key in self._leases.keys(lease)))
            await self._pipeline.execute(("delete from lease where id = ?", (lease,))).durable()
        except (StoreUnavailable, asyncio.CancelledError):
            self._leases.retry(lease, self._clock.monotonic())
            raise
        self._leases.forget(lease)

    async def close(self) -> None:
        """See `contract.Store.close`. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        self._housekeeping.cancel()
        await asyncio.gather(self._housekeeping, return_exceptions=True)
        await self._pipeline.stop()
        self._subscribers.end_all()
        self._reader.close()
        self._lock.release()

    def events_from(self, revision: int) -> tuple[Sequence[Event], int]:
        """See `watch.History`."""
        if revision < self._index.compacted:
            raise Compacted(self._index.compacted)
        changes = self._index.changes(revision, _SLICE // 2)
        if self._closed or not changes:
            return (), revision
        wanted = [change.current.revision for change in changes if change.current.version]
        wanted += [change.previous.revision for change in changes if change.previous]
        values = self._values(wanted)
        return [_event(change, values) for change in changes], changes[-1].current.revision + 1

    def _publish(self, writes: Sequence[InFlight]) -> None:
        """Hand a commit's events to the watches; called before the writes are answered."""
        changes = [(write.change, write.value) for write in writes if write.change]
        self._leases.attach(change for change, _ in changes)
        seen = [(change, value) for change, value in changes if self._subscribers.interested(change.current.key)]
        if not seen:
            return
        try:
            values = self._values([change.previous.revision for change, _ in seen if change.previous])
        except StoreUnavailable as error:
            log.error("watches end: an event's previous value cannot be read", extra={"error": str(error)})
            self._subscribers.fail([change.current.key for change, _ in seen], error)
            return
        values |= {change.current.revision: value for change, value in seen if value is not None}
        self._subscribers.publish([_event(change, values) for change, _ in seen], self._index.compacted)

    async def _refuse(self, ahead: InFlight | None, previous: Entry | None) -> TxnResult:
        if ahead:
            # decided upon a write that is not durable yet: answered when that is, as it stood right after it
            await ahead.durable()
            current = previous.with_value(ahead.value or b"") if previous else None
            return TxnResult(False, self._index.revision, current)
        revision = self._index.revision
        if previous is None:
            return TxnResult(False, revision, None)
        return TxnResult(False, revision, previous.with_value(self._values([previous.revision])[previous.revision]))

    async def _load(self, entries: Sequence[Entry]) -> list[KeyValue] | None:
        """Return the entries with their values, or `None` when some have been compacted away meanwhile."""
        items: list[KeyValue] = []
        for start in range(0, len(entries), _SLICE):
            if start:
                await breathe()
                self._check_open()
            part = entries[start : start + _SLICE]
            values = self._values([entry.revision for entry in part])
            if len(values) < len(part):
                return None
            items.extend([entry.with_value(values[entry.revision]) for entry in part])
        return items

    def _values(self, revisions: Sequence[int]) -> dict[int, bytes]:
        if not revisions:
            return {}
        try:
            return database.values(self._reader, revisions)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the store cannot be read: {error}") from error

    def _check_revision(self, revision: int) -> int:
        if revision > self._index.revision:
            raise FutureRevision(self._index.revision)
        if revision and revision < self._index.compacted:
            raise Compacted(self._index.compacted)
        return revision

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    async def _sweep(self) -> None:
        """Delete the rows that nobody can ask for any more, some at a time so that writes get in between."""
        while self._garbage:
            rows, self._garbage = self._garbage[:_SWEEP], self._garbage[_SWEEP:]
            job = self._pipeline.execute(
                ("update meta set value = ? where name = 'compacted'", (self._index.compacted,)),
                ("delete from kv where revision in (select value from json_each(?))", (orjson.dumps(rows).decode(),)),
            )
            try:
                await job.durable()
            except StoreUnavailable:
                self._garbage.extend(rows)
                raise

    async def _delete_leased(self, key: bytes, lease: int) -> None:
        entry = self._index.get(key)
        if entry and entry.lease == lease:
            await self.txn(key, None, expected=entry.revision)

    async def _keep_house(self) -> None:
        """Once a second of the clock end the leases that are due, once a minute compact what is old enough."""
        past = deque([(self._clock.monotonic(), self._index.revision)])
        while True:
            await self._clock.sleep(1.0)
            now = self._clock.monotonic()
            try:
                for lease in self._leases.due(now):
                    await self.revoke(lease)
                if now - past[-1][0] >= _COMPACT_EVERY:
                    past.append((now, self._index.revision))
                    await self._compact_old(past, now)
            except StoreError as error:
                log.warning("housekeeping of the store will be tried again", extra={"error": str(error)})

    async def _compact_old(self, past: deque[tuple[float, int]], now: float) -> None:
        if self._retention is None:
            return
        revision = 0
        while past and past[0][0] <= now - self._retention:
            revision = past.popleft()[1]
        if revision > self._index.compacted:
            await self.compact(revision)
        elif self._garbage:
            await self._sweep()


def _event(change: Change, values: dict[int, bytes]) -> Event:
    current, previous = change
    return Event(
        not current.version,
        current.with_value(values[current.revision] if current.version else b""),
        previous.with_value(values[previous.revision]) if previous else None,
    )


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
