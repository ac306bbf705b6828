"""Reads that see every write answered before them, also those that went through another apiserver on the same store.

Used by the pipeline where a store is shared (etcd). What always holds: a request that asks for the present is served from a watch
cache that has seen everything up to a revision which the store named after the request arrived; requests that wait together ask once.
"""

from __future__ import annotations

import asyncio

from kubern.apiserver.feed import Feed
from kubern.store.contract import Store


class Freshness:
    """Lets requests wait until the caches have caught up with the store."""

    def __init__(self, store: Store, feed: Feed) -> None:
        self._store, self._feed = store, feed
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None

    async def catch_up(self) -> None:
        """Return once the caches show all that was written before this call. Raises `StoreError` when no quorum answers, or
        the watch does not follow: a stale answer is never given."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._ask(), name="catch up with the store")
        await asyncio.shield(self._next)

    async def _ask(self) -> None:
        async with self._lock:
            self._next = None  # whoever comes from now on needs an answer to a later question
            newest = await self._store.revision()
            await self._feed.reach(newest)
