"""One watch of the store feeds every watch cache.

Started by `Core`; whoever needs read-your-writes waits for a revision here. What always holds: every event up to `revision`
has been applied to its cache and handed to its watchers.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Sequence
from typing import Protocol

from kubern.apiserver.cache import Change, ResourceCache
from kubern.apiserver.encoding import Entry
from kubern.apiserver.watching import Broadcaster
from kubern.base.backoff import Backoff
from kubern.base.clock import Clock
from kubern.store.contract import Compacted, Event, Store, StoreError, StoreFull, StoreUnavailable, Watch, prefix_end

ROOT = b"/registry/"
MARK = ROOT + b"kubern/progress"
"""A key that is written to learn how far the feed has come. It belongs to no resource."""
PATIENCE = 0.2
"""Seconds that somebody waits for a revision that may never come: it may be of keys that others write beside ours."""
BEHIND = 3.0
"""Seconds that a write of ours may take to come back; then the feed does not follow."""
RENEW_EVERY = 5.0
"""Seconds between two watches that are opened because the one before was silent: one that has much to catch up with needs time."""
_log = logging.getLogger(__name__)


class Listener(Protocol):
    """Somebody in the apiserver itself who follows a resource: authorization follows the roles."""

    def load(self, entries: Sequence[Entry]) -> None:
        """Start over with these objects."""
        ...

    def change(self, change: Change) -> None:
        """Take one change."""
        ...


class Feed:
    """Keeps the caches of all resources at the store's newest revision."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._sinks: dict[str, tuple[ResourceCache, Broadcaster]] = {}
        self._listeners: dict[str, list[Listener]] = {}
        self._joining: dict[str, list[Event]] = {}
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._task: asyncio.Task[None] | None = None
        self._watch: Watch | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._renewing = False
        self._renew_from = 0.0
        self.revision = 0

    def add(self, cache: ResourceCache, broadcaster: Broadcaster) -> None:
        """Feed `cache` with the keys below its prefix; before `start`."""
        self._sinks[cache.prefix] = (cache, broadcaster)

    async def join(self, cache: ResourceCache, broadcaster: Broadcaster) -> None:
        """Feed `cache`, filled with what the store has, from now on; in place of the one that had its prefix. Raises `StoreError`.

        What happens below the prefix while the store is read is kept aside, and taken in last.
        """
        prefix = cache.prefix
        start = f"{prefix}/".encode()
        while True:
            missed = self._joining[prefix] = []
            found = await self._store.range(ROOT + start, prefix_end(ROOT + start))
            await self.reach(found.revision)
            if self._joining.get(prefix) is missed:
                break  # otherwise the feed has started over meanwhile
        del self._joining[prefix]
        self.leave(prefix)
        below = len(ROOT) + len(start)
        cache.load([cache.layout.entry_of(item.key[below:].decode(), item) for item in found.items], found.revision)
        for event in missed:
            if event.current.mod_revision > found.revision:
                cache.apply(event.current.key[below:].decode(), event)
        self._sinks[prefix] = (cache, broadcaster)

    async def reopen(self) -> None:
        """Read all that is sealed again, since keys have come or gone: what could not be opened may be now, and what another key sealed
        is stale. Watchers of what has come up so are cut off, and list anew. Raises `StoreError`."""
        for prefix, (cache, broadcaster) in list(self._sinks.items()):
            if cache.layout.seal is None:
                continue
            start = ROOT + f"{prefix}/".encode()
            found = await self._store.range(start, prefix_end(start))
            await self.reach(found.revision)
            if not cache.reopen([(item.key[len(start) :].decode(), item) for item in found.items]):
                continue
            broadcaster.close_all()
            for listener in self._listeners.get(prefix, ()):
                listener.load(list(cache.entries.values()))

    def leave(self, prefix: str) -> None:
        """Feed the cache of a prefix no longer, and end its watches."""
        left = self._sinks.pop(prefix, None)
        if left:
            left[1].close_all()
        self._listeners.pop(prefix, None)

    def listen(self, prefix: str, listener: Listener) -> None:
        """Tell `listener` of every object below a storage prefix, and of its changes; before `start`, or right after `join`."""
        self._listeners.setdefault(prefix, []).append(listener)

    async def start(self) -> None:
        """Load every cache and follow the store from there on."""
        watch = await self._load()
        self._task = asyncio.get_running_loop().create_task(self._run(watch), name="store feed")

    async def close(self) -> None:
        """Stop following the store and end every watch."""
        running = [task for task in (self._task, self._watchdog) if task]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for _, broadcaster in self._sinks.values():
            broadcaster.close_all()

    async def wait(self, revision: int) -> None:
        """Return once everything up to `revision` can be read from the caches."""
        if self.revision >= revision:
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (revision, next(self._order), reached))
        if self._watchdog is None and self._store.shared:
            self._watchdog = asyncio.get_running_loop().create_task(
                self._watch_over(), name="watchdog of the store feed"
            )
        await reached

    async def _watch_over(self) -> None:
        """Renew a watch that shows nothing at all while somebody waits for what was written."""
        try:
            while any(not reached.done() for _, _, reached in self._waiting):
                before = self.revision
                await self._clock.sleep(BEHIND / 2)
                if self.revision == before and any(not reached.done() for _, _, reached in self._waiting):
                    self._renew()
        finally:
            self._watchdog = None

    async def reach(self, revision: int) -> None:
        """Return once the caches show all that the store held at `revision`, even if it is one of keys that this feed does not follow.

        Raises `StoreUnavailable` when the feed does not come that far.
        """
        await self.wait_a_little(revision)
        if self.revision >= revision:
            return
        try:
            # a write among the keys that are followed comes back after everything that was written before it
            marked = await self._store.txn(MARK, b"{}")
        except StoreFull:
            await self._compare(revision)
            return
        await self.wait_a_little(marked.revision, BEHIND / 2)
        if self.revision < revision:
            self._renew()
            await self.wait_a_little(marked.revision, BEHIND / 2)
        if self.revision < revision:
            raise self._is_behind(revision)

    def _renew(self) -> None:
        """Follow the store by another watch: a member of etcd that is cut off may leave a stream open, and never say a word."""
        now = self._clock.monotonic()
        if self._watch is not None and now >= self._renew_from:
            _log.warning("the store feed is behind and watches anew", extra={"revision": self.revision})
            self._renew_from = now + RENEW_EVERY
            self._renewing = True
            self._watch.close()

    async def _compare(self, revision: int) -> None:
        """Return once the caches show what the store held at `revision`, found by comparison, since nothing can be written to it."""
        for _ in range(int(BEHIND / PATIENCE)):
            if self.revision >= revision or await self._store.same(ROOT, prefix_end(ROOT), self.revision, revision):
                return
            await self.wait_a_little(revision)
        raise self._is_behind(revision)

    def _is_behind(self, revision: int) -> StoreUnavailable:
        return StoreUnavailable(f"the watch of the store is behind: at {self.revision}, not yet at {revision}")

    async def wait_a_little(self, revision: int, seconds: float = PATIENCE) -> None:
        """Wait for a revision, but not for ever: in a store that others share it may be one of keys that this feed does not follow."""
        if self.revision >= revision:
            return
        reached = asyncio.ensure_future(self.wait(revision))
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((reached, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reached, timer):
                task.cancel()
            await asyncio.gather(reached, timer, return_exceptions=True)

    def bookmark(self) -> None:
        """Send a bookmark to every watcher that wants them."""
        for _, broadcaster in self._sinks.values():
            broadcaster.bookmark(self.revision)

    async def _load(self) -> Watch:
        self._joining.clear()
        found = await self._store.range(ROOT, prefix_end(ROOT))
        groups: dict[str, list[tuple[str, int]]] = {prefix: [] for prefix in self._sinks}
        for index, item in enumerate(found.items):
            located = self._locate(item.key)
            if located:
                groups[located[0]].append((located[1], index))
        for prefix, (cache, broadcaster) in self._sinks.items():
            cache.load([cache.layout.entry_of(key, found.items[i]) for key, i in groups[prefix]], found.revision)
            broadcaster.close_all()
            for listener in self._listeners.get(prefix, ()):
                listener.load(list(cache.entries.values()))
        self._reach(found.revision)
        return self._store.watch(ROOT, prefix_end(ROOT), revision=found.revision + 1)

    async def _run(self, watch: Watch | None) -> None:
        backoff = Backoff(0.1, 5)
        while True:
            try:
                watch = self._watch = watch or await self._load()
                async for batch in watch:
                    self._apply(batch)
                    backoff.reset("feed")
                if not self._renewing:
                    return
            except Compacted:
                _log.warning("the store feed fell behind and starts over", extra={"revision": self.revision})
            except StoreError:
                _log.exception("the store feed broke", extra={"revision": self.revision})
            finally:
                if watch:
                    watch.close()
            watch = None
            if self._renewing:
                self._renewing = False
                watch = self._store.watch(ROOT, prefix_end(ROOT), revision=self.revision + 1)
                continue
            await self._clock.sleep(backoff.next("feed"))

    def _apply(self, batch: Sequence[Event]) -> None:
        for event in batch:
            located = self._locate(event.current.key)
            if located:
                cache, broadcaster = self._sinks[located[0]]
                change = cache.apply(located[1], event)
                if change:
                    broadcaster.publish(change)
                    for listener in self._listeners.get(located[0], ()):
                        listener.change(change)
            if self._joining:
                self._keep_aside(event)
        if batch:
            self._reach(batch[-1].current.mod_revision)

    def _keep_aside(self, event: Event) -> None:
        for prefix, missed in self._joining.items():
            if event.current.key.startswith(b"%b%b/" % (ROOT, prefix.encode())):
                missed.append(event)

    def _reach(self, revision: int) -> None:
        self.revision = max(self.revision, revision)
        while self._waiting and self._waiting[0][0] <= self.revision:
            reached = heapq.heappop(self._waiting)[2]
            if not reached.done():
                reached.set_result(None)

    def _locate(self, key: bytes) -> tuple[str, str] | None:
        """Return the storage prefix and the key below it; prefixes have one or two segments."""
        first, _, rest = key[len(ROOT) :].decode().partition("/")
        if first in self._sinks:
            return first, rest
        second, _, rest = rest.partition("/")
        prefix = f"{first}/{second}"
        return (prefix, rest) if prefix in self._sinks else None
