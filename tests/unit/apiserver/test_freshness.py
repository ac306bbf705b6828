"""Reads of the present in a store that others share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from kubern.apiserver.feed import MARK, Feed
from kubern.apiserver.freshness import Freshness
from kubern.base.clock import SystemClock
from kubern.store.contract import Event, KeyValue, RangeResult, StoreFull, StoreUnavailable, TxnResult

DEADLINE = 10.0


class Shared:
    """A store of which others write elsewhere, and whose watch says only what the test lets through."""

    shared = True

    def __init__(self) -> None:
        self.newest = 1
        self.lagging = False
        self.marks = 0
        self.full = False
        self.compared: list[bool] = []
        """What a comparison of two revisions says, one after the other."""
        self._events: asyncio.Queue[Sequence[Event]] = asyncio.Queue()

    async def revision(self) -> int:
        return self.newest

    async def range(self, key: bytes, end: bytes | None = None, **_: object) -> RangeResult:
        return RangeResult([], self.newest, False, 0)

    async def txn(self, key: bytes, value: bytes | None, **_: object) -> TxnResult:
        assert key == MARK
        if self.full:
            raise StoreFull("etcdserver: mvcc: database space exceeded")
        self.marks += 1
        self.newest += 1
        if not self.lagging:
            self._events.put_nowait([Event(False, KeyValue(key, value or b"", 1, self.newest, 1, 0), None)])
        return TxnResult(True, self.newest, None)

    async def same(self, key: bytes, end: bytes, before: int, after: int) -> bool:
        assert (before, after) == (1, 40)
        return self.compared.pop(0) if self.compared else False

    def watch(self, key: bytes, end: bytes | None = None, *, revision: int = 0) -> Shared:
        return self

    def __aiter__(self) -> Shared:
        return self

    async def __anext__(self) -> Sequence[Event]:
        return await self._events.get()

    def close(self) -> None: ...


class Hurried(SystemClock):
    """Waits a hundredth of what is asked for."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 100)


async def test_what_others_write_elsewhere_is_passed_by_a_write_of_ours() -> None:
    store = Shared()
    feed = Feed(store, Hurried())  # type: ignore[arg-type]
    await feed.start()
    try:
        async with asyncio.timeout(DEADLINE):
            store.newest = 40  # of a key that the feed does not follow
            fresh = Freshness(store, feed)  # type: ignore[arg-type]
            await fresh.catch_up()
            assert (feed.revision, store.marks) == (41, 1)
            await fresh.catch_up()
            assert store.marks == 1  # nothing has happened since
    finally:
        await feed.close()


async def test_a_watch_that_does_not_follow_is_no_reason_for_a_stale_answer() -> None:
    store = Shared()
    store.lagging = True
    feed = Feed(store, Hurried())  # type: ignore[arg-type]
    await feed.start()
    try:
        async with asyncio.timeout(DEADLINE):
            store.newest = 40
            with pytest.raises(StoreUnavailable, match="behind"):
                await Freshness(store, feed).catch_up()  # type: ignore[arg-type]
    finally:
        await feed.close()


@pytest.mark.parametrize(("compared", "fresh"), [([True], True), ([False, False, True], True), ([], False)])
async def test_a_full_store_is_compared_since_nothing_can_be_written_to_it(compared: list[bool], fresh: bool) -> None:
    store = Shared()
    store.full, store.compared = True, compared
    feed = Feed(store, Hurried())  # type: ignore[arg-type]
    await feed.start()
    try:
        async with asyncio.timeout(DEADLINE):
            store.newest = 40
            if fresh:
                await Freshness(store, feed).catch_up()  # type: ignore[arg-type]
            else:
                with pytest.raises(StoreUnavailable, match="behind"):
                    await Freshness(store, feed).catch_up()  # type: ignore[arg-type]
        assert feed.revision == 1  # what is claimed to have been seen has been seen
    finally:
        await feed.close()


class Deaf:
    """A watch whose stream is open, and silent until it is closed."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()

    def __aiter__(self) -> Deaf:
        return self

    async def __anext__(self) -> Sequence[Event]:
        await self._closed.wait()
        raise StopAsyncIteration

    def close(self) -> None:
        self._closed.set()


class Cut(Shared):
    """A store whose first watch is deaf."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def watch(self, key: bytes, end: bytes | None = None, *, revision: int = 0) -> Shared:
        self.asked.append(revision)
        return Deaf() if len(self.asked) == 1 else self  # type: ignore[return-value]


async def test_a_watch_that_is_silent_is_replaced_where_it_was() -> None:
    store = Cut()
    feed = Feed(store, Hurried())  # type: ignore[arg-type]
    await feed.start()
    try:
        async with asyncio.timeout(DEADLINE):
            store.newest = 40
            await Freshness(store, feed).catch_up()  # type: ignore[arg-type]
        assert (feed.revision, store.asked) == (41, [2, 2])
    finally:
        await feed.close()


async def test_a_write_that_waits_for_a_silent_watch_has_it_replaced() -> None:
    store = Cut()
    feed = Feed(store, Hurried())  # type: ignore[arg-type]
    await feed.start()
    try:
        async with asyncio.timeout(DEADLINE):
            written = await store.txn(MARK, b"{}")
            await feed.wait(written.revision)
        assert (feed.revision, store.asked) == (2, [2, 2])
    finally:
        await feed.close()
