"""The bitmap of node ports: one server after another, and side by side."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from kubern.apiserver.allocation.addresses import port_allocator
from kubern.apiserver.allocation.port_ledger import KEY, PortLedger
from kubern.base.clock import FakeClock
from kubern.base.errors import InternalError
from kubern.store.contract import Store
from kubern.store.embedded import EmbeddedStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = await EmbeddedStore.open(tmp_path, clock=FakeClock())
    yield made
    await made.close()


def ledger(store: Store, *used: int, last: int = 30063, tell: Any = None) -> PortLedger:
    return PortLedger(store, port_allocator(30000, last, random.Random(1)), lambda: used, FakeClock(), tell)


async def test_a_port_is_given_to_one_of_many_servers(store: Store) -> None:
    servers = [ledger(store) for _ in range(4)]
    assert sorted(await asyncio.gather(*(server.claim(30063) for server in servers))) == [False, False, False, True]
    given = await asyncio.gather(*(servers[n % 4].claim(30000 + n) for n in range(20)))
    assert all(given)


async def test_what_one_releases_another_may_claim(store: Store) -> None:
    one, other = ledger(store), ledger(store)
    assert await one.claim(30001)
    assert not await other.claim(30001)
    await one.release([30001])
    assert await other.claim(30001)


async def test_it_is_kept_as_upstream_keeps_it(store: Store) -> None:
    assert await ledger(store).claim(30009)
    found = orjson.loads((await store.range(KEY)).items[0].value)
    assert (found["kind"], found["range"], found["data"]) == ("RangeAllocation", "30000-30063", "AgA=")


async def test_what_services_have_is_written_down(store: Store) -> None:
    assert await ledger(store, 30005, 9).mend() == 0
    assert not await ledger(store).claim(30005)


async def test_what_was_not_written_down_is_told_once(store: Store) -> None:
    told: list[list[int]] = []

    async def tell(ports: list[int]) -> None:
        told.append(ports)

    tried = ledger(store, 30005, 30009, tell=tell)
    await tried.mend()
    await tried.mend()
    assert told == [[30005, 30009]]


async def test_what_no_service_has_twice_in_a_row_is_released(store: Store) -> None:
    left = ledger(store)
    assert await left.claim(30002)
    stray = await left.mend()
    assert stray == 0b100
    assert not await ledger(store).claim(30002)
    await left.mend(stray)
    assert await ledger(store).claim(30002)


async def test_another_range_begins_anew(store: Store) -> None:
    assert await ledger(store).claim(30001)
    assert await ledger(store, last=30031).claim(30001)


async def test_a_value_that_cannot_be_read_is_said(store: Store) -> None:
    await store.txn(KEY, b"k8s")
    with pytest.raises(InternalError, match="cannot be read"):
        await ledger(store).mend()
