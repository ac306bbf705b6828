"""What every back end of the store must do. Nothing here knows which one it talks to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from kubern.store.contract import (
    Compacted,
    Event,
    FutureRevision,
    LeaseNotFound,
    Store,
    StoreError,
    Watch,
    prefix_end,
)

DEADLINE = 10.0


async def take(watch: Watch, count: int) -> list[Event]:
    """Read events until there are `count`."""
    events: list[Event] = []
    async with asyncio.timeout(DEADLINE):
        while len(events) < count:
            events.extend(await anext(aiter(watch)))
    return events


def brief(events: Sequence[Event]) -> list[tuple[bytes, bytes | None, int]]:
    return [(e.current.key, None if e.deleted else e.current.value, e.current.mod_revision) for e in events]


async def put(store: Store, key: bytes, value: bytes) -> int:
    return (await store.txn(key, value)).revision


async def keys(store: Store, start: bytes, end: bytes | None, **options: int) -> list[bytes]:
    return [item.key for item in (await store.range(start, end, **options)).items]


async def test_every_write_moves_the_revision_by_one(store: Store) -> None:
    start = await store.revision()
    assert [await put(store, b"a", b"1"), await put(store, b"b", b"1"), await put(store, b"a", b"2")] == [
        start + 1,
        start + 2,
        start + 3,
    ]
    assert (await store.txn(b"a", None)).revision == start + 4
    assert await store.revision() == start + 4


async def test_a_key_carries_its_revisions_and_version(store: Store) -> None:
    first = await put(store, b"a", b"1")
    second = await put(store, b"a", b"2")
    (item,) = (await store.range(b"a")).items
    assert item == (b"a", b"2", first, second, 2, 0)
    await store.txn(b"a", None)
    third = await put(store, b"a", b"3")
    assert (await store.range(b"a")).items[0] == (b"a", b"3", third, third, 1, 0)


async def test_a_successful_write_answers_the_key_as_written(store: Store) -> None:
    result = await store.txn(b"a", b"1", expected=0)
    assert result.succeeded
    assert result.current == (b"a", b"1", result.revision, result.revision, 1, 0)
    deleted = await store.txn(b"a", None, expected=result.revision)
    assert (deleted.succeeded, deleted.current) == (True, None)


@pytest.mark.parametrize("value", [b"new", None], ids=["put", "delete"])
@pytest.mark.parametrize("wrong", [0, 1, 10**9], ids=["must be absent", "older", "newer"])
async def test_a_write_with_the_wrong_revision_changes_nothing(store: Store, value: bytes | None, wrong: int) -> None:
    revision = await put(store, b"a", b"old")
    result = await store.txn(b"a", value, expected=wrong)
    assert not result.succeeded
    assert result.current == (b"a", b"old", revision, revision, 1, 0)
    assert result.revision == await store.revision() == revision


async def test_expecting_a_revision_of_an_absent_key_fails(store: Store) -> None:
    result = await store.txn(b"a", b"1", expected=5)
    assert (result.succeeded, result.current) == (False, None)


@pytest.mark.parametrize("expected", [None, 0, 5])
async def test_deleting_an_absent_key_changes_nothing(store: Store, expected: int | None) -> None:
    start = await store.revision()
    assert await store.txn(b"a", None, expected=expected) == (False, start, None)


async def test_of_many_concurrent_creates_one_wins_and_the_others_see_it(store: Store) -> None:
    results = await asyncio.gather(*(store.txn(b"a", b"%d" % n, expected=0) for n in range(50)))
    (winner,) = [result for result in results if result.succeeded]
    assert {result.current for result in results} == {winner.current}


async def test_concurrent_compare_and_swap_counts_every_increment(store: Store) -> None:
    await put(store, b"n", b"0")

    async def increment() -> None:
        while True:
            (item,) = (await store.range(b"n")).items
            if (await store.txn(b"n", b"%d" % (int(item.value) + 1), expected=item.mod_revision)).succeeded:
                return

    await asyncio.gather(*(increment() for _ in range(20)))
    (item,) = (await store.range(b"n")).items
    assert (item.value, item.version) == (b"20", 21)


async def test_values_may_be_empty_and_hold_any_byte(store: Store) -> None:
    for value in (b"", b"\0\xff" * 3, b"x" * 300_000):
        await put(store, b"a\0\xff", value)
        assert (await store.range(b"a\0\xff")).items[0].value == value


async def test_range_reads_a_half_open_interval_in_key_order(store: Store) -> None:
    for key in (b"c", b"a", b"b", b"d", b"ab"):
        await put(store, key, key)
    assert await keys(store, b"a", b"c") == [b"a", b"ab", b"b"]
    assert await keys(store, b"b", b"\0") == [b"b", b"c", b"d"]
    assert await keys(store, b"", b"\0") == [b"a", b"ab", b"b", b"c", b"d"]
    assert await keys(store, b"a", None) == [b"a"]
    assert await keys(store, b"x", b"b") == []


async def test_limit_cuts_and_the_rest_can_be_read_at_the_same_revision(store: Store) -> None:
    for number in range(10):
        await put(store, b"/p/%d" % number, b"old")
    end = prefix_end(b"/p/")
    first = await store.range(b"/p/", end, limit=4)
    assert ([i.key for i in first.items], first.more, first.total) == ([b"/p/%d" % n for n in range(4)], True, 10)
    await put(store, b"/p/3x", b"new")
    await put(store, b"/p/5", b"new")
    await store.txn(b"/p/7", None)
    rest = await store.range(first.items[-1].key + b"\0", end, revision=first.revision)
    assert [(i.key, i.value) for i in rest.items] == [(b"/p/%d" % n, b"old") for n in range(4, 10)]
    assert (rest.more, rest.total) == (False, 6)


async def test_count_only_reads_no_items(store: Store) -> None:
    for number in range(5):
        await put(store, b"/p/%d" % number, b"x")
    before = await store.revision()
    await store.txn(b"/p/0", None)
    assert (await store.range(b"/p/", b"/p0", count_only=True))[::3] == ((), 4)
    assert (await store.range(b"/p/", b"/p0", count_only=True, revision=before)).total == 5


async def test_two_revisions_are_the_same_for_a_range_that_did_not_change(store: Store) -> None:
    first = await put(store, b"a/1", b"x")
    await put(store, b"b/1", b"x")
    gone = (await store.txn(b"b/1", None)).revision
    assert await store.same(b"a/", b"a0", first, gone)
    passing = await put(store, b"a/2", b"x")
    assert not await store.same(b"a/", b"a0", first, passing)
    back = (await store.txn(b"a/2", None)).revision
    assert await store.same(b"a/", b"a0", first, back)
    assert not await store.same(b"a/", b"a0", passing, back)
    changed = await put(store, b"a/1", b"x")  # the same value again is another revision of it
    assert not await store.same(b"a/", b"a0", first, changed)


async def test_a_future_revision_is_refused(store: Store) -> None:
    now = await store.revision()
    with pytest.raises(FutureRevision) as error:
        await store.range(b"a", revision=now + 1)
    assert error.value.current_revision == now
    with pytest.raises(FutureRevision):
        await store.compact(now + 1)


async def test_after_compaction_older_revisions_are_gone_and_newer_ones_stay(store: Store) -> None:
    first = await put(store, b"a", b"1")
    second = await put(store, b"a", b"2")
    await put(store, b"b", b"1")
    last = await put(store, b"a", b"3")
    await store.compact(second)
    with pytest.raises(Compacted) as error:
        await store.range(b"a", revision=first)
    assert error.value.compact_revision == second
    assert (await store.range(b"a", revision=second)).items[0].value == b"2"
    assert (await store.range(b"a", revision=last - 1)).items[0].value == b"2"
    assert (await store.range(b"a")).items[0].value == b"3"
    with pytest.raises(Compacted):
        await store.compact(second)


async def test_compaction_keeps_what_stands(store: Store) -> None:
    for number in range(50):
        await put(store, b"/%02d" % (number % 10), b"%d" % number)
    await store.txn(b"/03", None)
    await store.compact(await store.revision())
    items = (await store.range(b"/", b"0")).items
    assert [(i.key, i.value) for i in items] == [(b"/%02d" % n, b"%d" % (40 + n)) for n in range(10) if n != 3]


async def test_a_watch_from_now_sees_what_comes_next(store: Store) -> None:
    await put(store, b"/p/old", b"x")
    watch = store.watch(b"/p/", prefix_end(b"/p/"))
    created = await put(store, b"/p/a", b"1")
    await put(store, b"/q/a", b"1")
    changed = await put(store, b"/p/a", b"2")
    deleted = (await store.txn(b"/p/a", None)).revision
    events = await take(watch, 3)
    assert brief(events) == [(b"/p/a", b"1", created), (b"/p/a", b"2", changed), (b"/p/a", None, deleted)]
    assert [event.previous and event.previous.value for event in events] == [None, b"1", b"2"]
    assert events[2].current.value == b""


async def test_a_watch_of_one_key_sees_only_that(store: Store) -> None:
    watch = store.watch(b"a")
    await put(store, b"aa", b"1")
    await put(store, b"a", b"1")
    assert [key for key, _, _ in brief(await take(watch, 1))] == [b"a"]


async def test_a_watch_from_a_revision_sees_the_past_then_the_present(store: Store) -> None:
    expected = []
    for number in range(700):
        revision = await put(store, b"/p/%d" % (number % 7), b"%d" % number)
        expected.append((b"/p/%d" % (number % 7), b"%d" % number, revision))
    watch = store.watch(b"/p/", b"/p0", revision=expected[100][2])
    events = await take(watch, 1)
    revision = await put(store, b"/p/1", b"live")
    expected.append((b"/p/1", b"live", revision))
    events += await take(watch, len(expected) - 100 - len(events))
    assert brief(events) == expected[100:]
    assert events[50].previous is not None
    assert events[50].previous.value == b"%d" % (150 - 7)


async def test_a_watch_from_the_future_waits_for_it(store: Store) -> None:
    watch = store.watch(b"a", revision=await store.revision() + 3)
    for number in range(4):
        await put(store, b"a", b"%d" % number)
    assert [value for _, value, _ in brief(await take(watch, 2))] == [b"2", b"3"]


async def test_a_watch_from_a_compacted_revision_says_so(store: Store) -> None:
    first = await put(store, b"a", b"1")
    second = await put(store, b"a", b"2")
    await store.compact(second)
    with pytest.raises(Compacted) as error:
        await take(store.watch(b"a", revision=first), 1)
    assert error.value.compact_revision == second
    assert brief(await take(store.watch(b"a", revision=second), 1)) == [(b"a", b"2", second)]


async def test_watches_see_one_order_whatever_the_concurrency(store: Store) -> None:
    watches = [store.watch(b"", b"\0") for _ in range(3)]
    results = await asyncio.gather(*(store.txn(b"/%d" % (n % 5), b"%d" % n) for n in range(200)))
    seen = [brief(await take(watch, 200)) for watch in watches]
    assert seen[0] == seen[1] == seen[2]
    assert [revision for _, _, revision in seen[0]] == sorted(result.revision for result in results)


async def test_a_closed_watch_ends(store: Store) -> None:
    watch = store.watch(b"a")
    reader = asyncio.create_task(take(watch, 1))
    await put(store, b"b", b"wait until the reader waits")
    watch.close()
    with pytest.raises(StopAsyncIteration):
        await anext(aiter(watch))
    assert isinstance((await asyncio.gather(reader, return_exceptions=True))[0], RuntimeError | StopAsyncIteration)


async def test_closing_the_store_ends_its_watches_and_refuses_more(store: Store) -> None:
    watch = store.watch(b"", b"\0")
    await put(store, b"a", b"1")
    assert [key for key, _, _ in brief(await take(watch, 1))] == [b"a"]
    await store.close()
    assert [batch async for batch in watch] == []
    with pytest.raises(StoreError):
        await store.txn(b"a", b"2")


async def test_a_key_belongs_to_the_lease_of_its_last_write(store: Store) -> None:
    lease, other = await store.grant(10), await store.grant(10)
    assert lease != other
    for key in (b"a", b"b", b"c"):
        await store.txn(key, b"1", lease=lease)
    await store.txn(b"a", b"2")
    await store.txn(b"b", b"2", lease=other)
    await store.revoke(lease)
    assert await keys(store, b"", b"\0") == [b"a", b"b"]
    with pytest.raises(LeaseNotFound):
        await store.revoke(lease)


async def test_a_lease_revoked_while_writes_are_on_their_way_leaves_no_key(store: Store) -> None:
    lease = await store.grant(10)
    writes = [asyncio.create_task(store.txn(b"/%d" % n, b"1", lease=lease)) for n in range(20)]
    await asyncio.gather(store.revoke(lease), *writes, return_exceptions=True)
    assert await keys(store, b"", b"\0") == []


@pytest.mark.parametrize(
    ("prefix", "end"),
    [(b"/a/", b"/a0"), (b"a\xff", b"b"), (b"\xff\xff", b"\0"), (b"", b"\0")],
    ids=["slash", "carry", "all ones", "empty"],
)
def test_prefix_end_is_the_first_key_behind_the_prefix(prefix: bytes, end: bytes) -> None:
    assert prefix_end(prefix) == end


async def test_the_database_has_a_size(store: Store) -> None:
    await store.txn(b"/a", b"x" * 1000)
    assert await store.size() > 1000
