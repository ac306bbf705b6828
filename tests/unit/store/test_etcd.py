"""What only the etcd back end promises: several stores on one cluster, members that die, leases in real time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import grpc.aio
import pytest

from kubern.base.clock import SystemClock
from kubern.store.contract import Compacted, LeaseNotFound, StoreUnavailable, Watch, prefix_end
from kubern.store.etcd.store import EtcdStore
from tests.etcd import Etcd

DEADLINE = 30.0


async def opened(urls: list[str], prefix: bytes, **more: float) -> EtcdStore:
    return await EtcdStore.open(urls, clock=SystemClock(), prefix=prefix, **{"compact_every": 0.0, **more})


async def take(watch: Watch, count: int) -> list[tuple[bytes, bytes]]:
    seen: list[tuple[bytes, bytes]] = []
    async with asyncio.timeout(DEADLINE):
        while len(seen) < count:
            seen += [(event.current.key, event.current.value) for event in await anext(aiter(watch))]
    return seen


@pytest.fixture
async def pair(etcd: Callable[[], Etcd], request: pytest.FixtureRequest) -> AsyncIterator[tuple[EtcdStore, EtcdStore]]:
    """Two stores on the same keys."""
    prefix = f"/{request.node.name}/".encode()
    made = (await opened(etcd().urls, prefix), await opened(etcd().urls, prefix))
    yield made
    for store in made:
        await store.close()


async def test_what_one_writes_the_other_sees(pair: tuple[EtcdStore, EtcdStore]) -> None:
    one, other = pair
    watch = other.watch(b"/registry/", prefix_end(b"/registry/"), revision=await other.revision() + 1)
    revision = (await one.txn(b"/registry/a", b"1", expected=0)).revision
    assert await other.revision() == revision
    refused = await other.txn(b"/registry/a", b"2", expected=0)
    assert not refused.succeeded
    assert refused.current is not None
    assert (refused.current.key, refused.current.value) == (b"/registry/a", b"1")
    assert (await other.txn(b"/registry/a", b"3", expected=revision)).succeeded
    assert await take(watch, 2) == [(b"/registry/a", b"1"), (b"/registry/a", b"3")]


async def test_a_write_whose_answer_is_lost_is_never_taken_for_made(
    pair: tuple[EtcdStore, EtcdStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else has written the very same: etcd refused ours, and what stands there looks as if it had not."""
    one, other = pair
    before = (await one.txn(b"ports", b"free")).revision
    assert (await other.txn(b"ports", b"taken", expected=before)).succeeded
    write = one.members.write

    async def lossy(method: str, request: object) -> object:
        await write(method, request)
        raise grpc.aio.AioRpcError(
            grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "connection reset"
        )

    monkeypatch.setattr(one.members, "write", lossy)
    with pytest.raises(StoreUnavailable, match="did not say"):
        await one.txn(b"ports", b"taken", expected=before)


async def test_a_lease_that_runs_out_takes_its_keys_along(pair: tuple[EtcdStore, EtcdStore]) -> None:
    store = pair[0]
    lease = await store.grant(1)
    await store.txn(b"leased", b"1", lease=lease)
    watch = store.watch(b"leased")
    assert await take(watch, 1) == [(b"leased", b"")]
    with pytest.raises(LeaseNotFound):
        await store.keep_alive(lease)
    with pytest.raises(LeaseNotFound):
        await store.txn(b"x", b"1", lease=lease)
    kept = await store.grant(60)
    assert await store.keep_alive(kept) == 60


async def test_what_is_old_is_compacted_by_one_of_several(
    pair: tuple[EtcdStore, EtcdStore], etcd: Callable[[], Etcd]
) -> None:
    prefix = pair[0]._prefix
    first = (await pair[0].txn(b"a", b"1")).revision
    await pair[0].txn(b"a", b"2")
    made = [await opened(etcd().urls, prefix, compact_every=0.2) for _ in range(2)]
    try:
        async with asyncio.timeout(DEADLINE):
            oldest = 0
            while not oldest:
                await pair[0].txn(b"b", b"x")
                try:
                    await pair[0].range(b"a", revision=first)
                except Compacted as error:
                    oldest = error.compact_revision
        assert oldest > first
    finally:
        for store in made:
            await store.close()


async def test_a_member_that_is_killed_takes_nothing_along(three: Etcd) -> None:
    """Writes go on through the others, nothing that was answered is missing, and a watch misses and repeats nothing."""
    store = await opened(three.urls, b"/registry/")
    watch = store.watch(b"", b"\0")
    answered: list[bytes] = []
    try:
        for number in range(150):
            if number in (50, 100):
                three.members[store.members.watch()[0]].kill()  # the one that is being asked
                if number == 100:
                    break
            key = b"k%03d" % number
            try:
                if (await store.txn(key, b"v", expected=0)).succeeded:
                    answered.append(key)
            except StoreUnavailable:
                pass  # the outcome is not known, and is not claimed to be
        survivors = [member for member in three.members if member.process is not None]
        assert len(survivors) == 1
        three.start(*(member for member in three.members if member.process is None))
        found = [item.key for item in (await store.range(b"", b"\0")).items]
        assert set(answered) <= set(found)
        assert len(answered) >= 90
        assert sorted(key for key, _ in await take(watch, len(found))) == found
    finally:
        await store.close()


async def test_an_etcd_that_is_not_there_is_named() -> None:
    with pytest.raises(StoreUnavailable, match=r"etcd at http://127\.0\.0\.1:1 cannot be used"):
        await EtcdStore.open(["http://127.0.0.1:1"], clock=SystemClock(), patience=0.5)


@pytest.mark.parametrize("endpoint", ["ftp://a:1", "http://", ""])
async def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="--etcd-servers"):
        await EtcdStore.open([endpoint], clock=SystemClock())
