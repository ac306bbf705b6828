"""The work queue: one worker a key, no change lost, delays and back-off by the clock."""

from __future__ import annotations

import asyncio

from kubern.base.clock import FakeClock
from kubern.client.workqueue import WorkQueue


async def test_a_key_added_twice_is_worked_on_once() -> None:
    queue: WorkQueue[str] = WorkQueue(FakeClock())
    queue.add("a")
    queue.add("a")
    assert await queue.get() == "a"
    queue.done("a")
    assert len(queue) == 0


async def test_a_key_added_while_worked_on_comes_again_after_done() -> None:
    queue: WorkQueue[str] = WorkQueue(FakeClock())
    queue.add("a")
    await queue.get()
    queue.add("a")
    second = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    assert not second.done()
    queue.done("a")
    assert await second == "a"


async def test_delays_keep_the_earliest_time() -> None:
    clock = FakeClock()
    queue: WorkQueue[str] = WorkQueue(clock)
    queue.add_after("a", 10)
    queue.add_after("a", 5)
    queue.add_after("a", 20)
    got = asyncio.ensure_future(queue.get())
    await clock.advance(4.9)
    assert not got.done()
    await clock.advance(0.2)
    assert await got == "a"
    queue.done("a")
    again = asyncio.ensure_future(queue.get())
    await clock.advance(60)
    assert not again.done()
    again.cancel()


async def test_failures_double_the_delay_until_forgotten() -> None:
    queue: WorkQueue[str] = WorkQueue(FakeClock())
    assert [queue.add_rate_limited("a") for _ in range(4)] == [0.005, 0.01, 0.02, 0.04]
    assert queue.failures("a") == 4
    queue.forget("a")
    assert queue.add_rate_limited("a") == 0.005


async def test_several_workers_share_the_keys() -> None:
    queue: WorkQueue[int] = WorkQueue(FakeClock())
    workers = [asyncio.ensure_future(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    for key in range(3):
        queue.add(key)
    assert sorted(await asyncio.gather(*workers)) == [0, 1, 2]
