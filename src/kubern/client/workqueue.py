"""The work queue of a control loop: a key is worked on by one worker at a time, and once for however many changes came meanwhile.

Source: the behaviour of client-go's rate-limiting work queue.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from kubern.base.backoff import Backoff
from kubern.base.clock import Clock
from kubern.client.queue_counts import QueueCounts

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Keys to work on. Failures back off from 5 ms to 1000 s, doubling. `counts` is told of all."""

    def __init__(
        self, clock: Clock, *, base: float = 0.005, cap: float = 1000.0, counts: QueueCounts | None = None
    ) -> None:
        self._clock = clock
        self._backoff = Backoff(base, cap)
        self._ready: deque[K] = deque()
        self._dirty: set[K] = set()
        self._working: set[K] = set()
        self._later: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._order = itertools.count()
        self._changed = asyncio.Event()
        self._counts = counts

    def __len__(self) -> int:
        return len(self._dirty)

    def add(self, key: K) -> None:
        """Have `key` worked on; once, however often it is added before that begins."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if self._counts is not None:
            self._counts.add(key, self._clock.monotonic())
        if key not in self._working:
            self._ready.append(key)
            self._changed.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Have `key` worked on in that many seconds, or earlier if it was asked for earlier."""
        if seconds <= 0:
            self.add(key)
            return
        at = self._clock.monotonic() + seconds
        if key in self._due and self._due[key] <= at:
            return
        self._due[key] = at
        heapq.heappush(self._later, (at, next(self._order), key))
        self._changed.set()

    def add_rate_limited(self, key: K) -> float:
        """Have `key` worked on after its back-off; returns the seconds."""
        seconds = self._backoff.next(key)
        if self._counts is not None:
            self._counts.retried += 1
        self.add_after(key, seconds)
        return seconds

    def forget(self, key: K) -> None:
        """Its work succeeded: the next failure backs off from the beginning."""
        self._backoff.reset(key)

    def failures(self, key: K) -> int:
        """How often `key` has failed in a row."""
        return self._backoff.failures(key)

    async def get(self) -> K:
        """Return the next key; `done` must follow."""
        while True:
            wait = self._promote()
            if self._ready:
                key = self._ready.popleft()
                self._dirty.discard(key)
                self._working.add(key)
                if self._counts is not None:
                    self._counts.get(key, self._clock.monotonic())
                return key
            self._changed.clear()
            await self._wait(wait)

    def done(self, key: K) -> None:
        """The work on `key` has ended; if it was added meanwhile its turn comes again."""
        self._working.discard(key)
        if self._counts is not None:
            self._counts.done(key, self._clock.monotonic())
        if key in self._dirty:
            self._ready.append(key)
            self._changed.set()

    def _promote(self) -> float | None:
        """Move what is due to the ready keys; returns the seconds until the next one."""
        now = self._clock.monotonic()
        while self._later:
            at, _, key = self._later[0]
            if self._due.get(key) != at:
                heapq.heappop(self._later)
            elif at <= now:
                heapq.heappop(self._later)
                del self._due[key]
                self.add(key)
            else:
                return at - now
        return None

    async def _wait(self, seconds: float | None) -> None:
        if seconds is None:
            await self._changed.wait()
            return
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait((timer, changed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            changed.cancel()
