"""Connections that wait: which is handed out, how many are kept, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kubern.http import pool as pools
from kubern.http.channel import Channel
from kubern.http.pool import EACH, MOST, Pool


class Transport(asyncio.Transport):
    """A transport that only knows whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed


def channel() -> Channel:
    made = Channel()
    made.connection_made(Transport())
    return made


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    made = Pool()
    yield made
    made.close()


async def test_the_latest_is_handed_out_first(pool: Pool) -> None:
    first, second = channel(), channel()
    pool.put("a", first)
    pool.put("a", second)
    assert pool.take("b") is None
    assert [pool.take("a"), pool.take("a"), pool.take("a")] == [second, first, None]
    assert len(pool) == 0


@pytest.mark.parametrize("what", ["eof_received", "data_received"])
async def test_one_that_is_not_silent_is_closed(pool: Pool, what: str) -> None:
    kept = channel()
    pool.put("a", kept)
    kept.eof_received() if what == "eof_received" else kept.data_received(b"x")
    assert pool.take("a") is None
    assert kept.transport.is_closing()


async def test_what_there_is_no_room_for_is_closed(pool: Pool) -> None:
    made = [channel() for _ in range(EACH + 1)]
    for one in made:
        pool.put("a", one)
    assert [one.transport.is_closing() for one in made] == [False] * EACH + [True]
    for number in range(MOST):
        pool.put(number, channel())
    assert len(pool) == MOST


async def test_one_that_the_peer_closes_is_forgotten(pool: Pool) -> None:
    kept = channel()
    pool.put("a", kept)
    kept.connection_lost(None)
    await asyncio.wait_for(asyncio.shield(kept.gone), 1)
    await asyncio.get_running_loop().run_in_executor(None, lambda: None)  # the callbacks have run
    assert len(pool) == 0


async def test_none_waits_for_ever(pool: Pool, monkeypatch: Any) -> None:
    monkeypatch.setattr(pools, "IDLE", 0.0)
    kept = channel()
    pool.put("a", kept)
    async with asyncio.timeout(5):
        while len(pool):
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    assert kept.transport.is_closing()


async def test_a_closed_pool_keeps_nothing(pool: Pool) -> None:
    before, after = channel(), channel()
    pool.put("a", before)
    pool.close()
    pool.put("a", after)
    assert before.transport.is_closing()
    assert after.transport.is_closing()
    assert len(pool) == 0
