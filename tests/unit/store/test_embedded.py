"""What only the embedded back end promises: its file, its limits, and how it behaves when the disk does not."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop

from kubern.base.clock import FakeClock
from kubern.store.contract import Compacted, Event, LeaseNotFound, StoreError, StoreUnavailable
from kubern.store.embedded import EmbeddedStore


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[EmbeddedStore]:
    opened = await EmbeddedStore.open(tmp_path, clock=clock, max_unread=100)
    yield opened
    await opened.close()


@contextmanager
def no_room(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes: the disk is full for whoever writes further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def rows(directory: Path) -> list[int]:
    connection = sqlite3.connect(directory / "store.db")
    try:
        return [row[0] for row in connection.execute("select revision from kv order by revision")]
    finally:
        connection.close()


async def settle(store: EmbeddedStore) -> None:
    """A write and its answer: whatever was queued before it has been committed."""
    await store.txn(b"/fence", b"x")


async def test_a_reopened_store_is_the_same(tmp_path: Path, clock: FakeClock) -> None:
    store = await EmbeddedStore.open(tmp_path, clock=clock)
    lease = await store.grant(60)
    for number in range(30):
        await store.txn(b"/%d" % (number % 7), b"%d" % number, lease=lease if number % 7 == 3 else 0)
    await store.txn(b"/5", None)
    await store.compact(10)
    before = await store.range(b"", b"\0"), await store.range(b"", b"\0", revision=20)
    events = await anext(store.watch(b"", b"\0", revision=12))
    await store.close()
    store = await EmbeddedStore.open(tmp_path, clock=clock)
    assert (await store.range(b"", b"\0"), await store.range(b"", b"\0", revision=20)) == before
    assert await anext(store.watch(b"", b"\0", revision=12)) == events
    with pytest.raises(Compacted):
        await store.range(b"", revision=9)
    watch = store.watch(b"/3")
    await clock.advance(62)
    assert (await anext(watch))[0].deleted
    assert await store.grant(5) > lease
    await store.close()


async def test_a_second_process_is_told_who_has_the_store(store: EmbeddedStore, tmp_path: Path) -> None:
    script = (
        "import asyncio, sys, pathlib\n"
        "from kubern.base.clock import SystemClock\n"
        "from kubern.store.contract import StoreError\n"
        "from kubern.store.embedded import EmbeddedStore\n"
        "try: asyncio.run(EmbeddedStore.open(pathlib.Path(sys.argv[1]), clock=SystemClock()))\n"
        "except StoreError as error: print(error)\n"
    )
    run = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert f"{tmp_path} is in use by another process (pid " in run.stdout, run.stderr


async def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="cannot open the store"):
        await EmbeddedStore.open(tmp_path / "file" / "store", clock=clock)


async def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "store.db").write_bytes(b"something else, and long enough to be read as a header" * 100)
    before = (tmp_path / "store.db").read_bytes()
    with pytest.raises(StoreError):
        await EmbeddedStore.open(tmp_path, clock=clock)
    assert (tmp_path / "store.db").read_bytes() == before


async def test_a_store_of_a_later_format_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    await (await EmbeddedStore.open(tmp_path, clock=clock)).close()
    connection = sqlite3.connect(tmp_path / "store.db")
    connection.execute("pragma user_version=99")
    connection.close()
    with pytest.raises(StoreError, match="format 99"):
        await EmbeddedStore.open(tmp_path, clock=clock)


async def test_a_full_disk_fails_writes_and_only_those(store: EmbeddedStore, tmp_path: Path) -> None:
    await store.txn(b"/kept", b"1")
    watch = store.watch(b"", b"\0")
    revision = await store.revision()
    with no_room((tmp_path / "store.db-wal").stat().st_size):
        results = await asyncio.gather(
            *(store.txn(b"/%d" % (n % 10), b"x" * 5000) for n in range(40)), return_exceptions=True
        )
        assert {type(result) for result in results} == {StoreUnavailable}
        with pytest.raises(StoreUnavailable, match="could not be made durable"):
            await store.txn(b"/kept", None, expected=revision)
        assert [item.key for item in (await store.range(b"", b"\0")).items] == [b"/kept"]
        assert await store.revision() == revision
    assert await store.txn(b"/kept", b"2", expected=revision) == (True, revision + 1, (b"/kept", b"2", 2, 3, 2, 0))
    (event,) = await anext(watch)
    assert (event.current.value, event.current.mod_revision) == (b"2", revision + 1)
    assert rows(tmp_path) == [2, 3]


async def test_writes_refused_for_a_conflict_fail_with_what_they_were_decided_upon(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    await store.txn(b"/other", b"1")
    with no_room((tmp_path / "store.db-wal").stat().st_size):
        results = await asyncio.gather(
            *(store.txn(b"/a", b"x" * 5000, expected=0) for _ in range(3)), return_exceptions=True
        )
    assert {type(result) for result in results} == {StoreUnavailable}
    assert (await store.txn(b"/a", b"y", expected=0)).succeeded


async def test_a_lease_that_could_not_be_written_is_not_granted(store: EmbeddedStore, tmp_path: Path) -> None:
    await store.txn(b"/a", b"1")
    with no_room((tmp_path / "store.db-wal").stat().st_size), pytest.raises(StoreUnavailable):
        await store.grant(10)
    lease = await store.grant(10)
    assert (await store.txn(b"/a", b"2", lease=lease)).succeeded


async def test_a_slow_watcher_is_cut_off_and_nobody_else(store: EmbeddedStore) -> None:
    slow, quick = store.watch(b"", b"\0"), store.watch(b"", b"\0")
    seen: list[Event] = []
    for number in range(150):
        await store.txn(b"/a", b"%d" % number)
        seen.extend(await anext(quick))
    with pytest.raises(Compacted):
        await anext(slow)
    assert len(seen) == 150


async def test_an_event_is_with_its_watches_before_the_write_is_answered(store: EmbeddedStore) -> None:
    watch = store.watch(b"", b"\0")
    await store.txn(b"/a", b"1")
    reader = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    assert reader.done()
    assert reader.result()[0].current.value == b"1"


async def test_a_cancelled_caller_disturbs_no_other_write(store: EmbeddedStore) -> None:
    first = asyncio.create_task(store.txn(b"/a", b"1", expected=0))
    second = asyncio.create_task(store.txn(b"/a", b"2", expected=0))
    await asyncio.sleep(0)
    first.cancel()
    result = await second
    assert not result.succeeded
    assert result.current is not None
    assert result.current.value == b"1"


async def test_history_is_compacted_after_five_minutes(store: EmbeddedStore, tmp_path: Path, clock: FakeClock) -> None:
    for minute in range(8):
        await store.txn(b"/a", b"%d" % minute)
        await clock.advance(60)
    await settle(store)
    newest = await store.revision()
    assert store.compact_revision > 2
    # what was the newest revision five minutes ago can still be read
    assert (await store.range(b"/a", revision=newest - 6)).total == 1
    with pytest.raises(Compacted):
        await store.range(b"/a", revision=2)
    await settle(store)
    assert 2 not in rows(tmp_path)


async def test_compaction_frees_many_rows_in_slices(store: EmbeddedStore, tmp_path: Path) -> None:
    await asyncio.gather(*(store.txn(b"/a", b"%d" % n) for n in range(2500)))
    await store.compact(await store.revision())
    assert len(rows(tmp_path)) == 2  # the newest, and what stood before it: a watch from here still shows both
    assert (await store.range(b"/a")).items[0].value == b"2499"


async def test_a_large_range_gives_way_to_other_tasks_and_stays_one_revision(store: EmbeddedStore) -> None:
    await asyncio.gather(*(store.txn(b"/%04d" % n, b"old") for n in range(1000)))
    reading = asyncio.create_task(store.range(b"", b"\0"))
    await asyncio.sleep(0)
    assert not reading.done()
    await store.txn(b"/0999", b"new")
    assert {item.value for item in (await reading).items} == {b"old"}


def test_it_runs_on_uvloop(tmp_path: Path, clock: FakeClock) -> None:
    async def main() -> bytes:
        store = await EmbeddedStore.open(tmp_path, clock=clock)
        await asyncio.gather(*(store.txn(b"/%d" % n, b"%d" % n) for n in range(100)))
        value = (await store.range(b"/99")).items[0].value
        await store.close()
        return value

    assert uvloop.run(main()) == b"99"


async def test_an_expired_lease_takes_its_keys_along(store: EmbeddedStore, clock: FakeClock) -> None:
    lease = await store.grant(10)
    await store.txn(b"kept", b"1")
    await store.txn(b"leased", b"1", lease=lease)
    assert (await store.range(b"leased")).items[0].lease == lease
    watch = store.watch(b"leased")
    await clock.advance(9)
    assert await store.keep_alive(lease) == 10
    await clock.advance(9)
    assert (await store.range(b"leased")).total == 1
    await clock.advance(2)
    (event,) = await anext(aiter(watch))
    assert event.deleted
    assert [item.key for item in (await store.range(b"", b"\0")).items] == [b"kept"]
    with pytest.raises(LeaseNotFound):
        await store.keep_alive(lease)
    with pytest.raises(LeaseNotFound):
        await store.txn(b"x", b"1", lease=lease)
