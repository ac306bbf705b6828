"""Batches of audit events: when they are sent, tried again and given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from kubern.apiserver.audit.webhook import TRIES, AuditWebhook, Batching, NotTaken
from kubern.apiserver.audit.webhook_config import Receiver
from kubern.base.clock import FakeClock

BATCHING = Batching(buffer=6, size=3, wait=30, backoff=10)


class Recorded(AuditWebhook):
    """A webhook whose posts are kept, after `fails` of them have failed."""

    def __init__(self, clock: FakeClock, batching: Batching = BATCHING) -> None:
        super().__init__(Receiver("127.0.0.1", 1, "/"), batching, clock)
        self.posts: list[list[str]] = []
        self.tried: list[float] = []
        self.fails: list[bool] = []
        """Of the posts to come: whether trying again may help."""
        self._time = clock.monotonic

    async def _post(self, batch: list[dict[str, Any]]) -> None:
        self.tried.append(self._time())
        if self.fails:
            raise NotTaken("no", self.fails.pop(0))
        self.posts.append([event["id"] for event in batch])

    def write_all(self, ids: str) -> None:
        for each in ids:
            self.write({"id": each})


@pytest.fixture
async def made() -> AsyncIterator[tuple[Recorded, FakeClock]]:
    clock = FakeClock()
    webhook = Recorded(clock)
    task = asyncio.create_task(webhook.run())
    await settle()
    yield webhook, clock
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_full_batch_is_sent_at_once_and_the_rest_in_time(made: tuple[Recorded, FakeClock]) -> None:
    webhook, clock = made
    webhook.write_all("abcd")
    await settle()
    assert webhook.posts == [["a", "b", "c"]]
    await clock.advance(29)
    await settle()
    assert len(webhook.posts) == 1
    await clock.advance(1)
    await settle()
    assert webhook.posts[1:] == [["d"]]
    webhook.write_all("e")
    await settle()
    await clock.advance(30)
    await settle()
    assert webhook.posts[2:] == [["e"]]
    assert webhook.lost == 0


async def test_a_batch_is_tried_again_with_growing_pauses(made: tuple[Recorded, FakeClock]) -> None:
    webhook, clock = made
    webhook.fails = [True, True]
    webhook.write_all("abc")
    for _ in range(26):
        await settle()
        await clock.advance(1)
    await settle()
    assert webhook.tried == [0, 10, 25]
    assert webhook.posts == [["a", "b", "c"]]


@pytest.mark.parametrize(("again", "tries"), [(True, TRIES), (False, 1)], ids=["never taken", "refused"])
async def test_a_batch_is_given_up(made: tuple[Recorded, FakeClock], again: bool, tries: int) -> None:
    webhook, clock = made
    webhook.fails = [again] * tries
    webhook.write_all("abc")
    for _ in range(100):
        await settle()
        await clock.advance(1)
    await settle()
    assert (len(webhook.tried), webhook.lost) == (tries, 3)
    webhook.write_all("def")
    await settle()
    assert webhook.posts == [["d", "e", "f"]]


async def test_what_finds_no_room_is_lost_and_counted() -> None:
    webhook = Recorded(FakeClock())
    webhook.write_all("abcdefgh")
    assert webhook.lost == 2
    await webhook.flush()
    assert webhook.posts == [["a", "b", "c"], ["d", "e", "f"]]


async def test_a_batch_that_was_under_way_is_sent_at_the_end() -> None:
    clock = FakeClock()
    webhook = Recorded(clock)
    webhook.fails = [True]
    task = asyncio.create_task(webhook.run())
    webhook.write_all("abcd")
    await settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await webhook.flush()
    assert webhook.posts == [["a", "b", "c"], ["d"]]


@pytest.mark.parametrize(
    "spoil", [lambda b: b._replace(size=0), lambda b: b._replace(buffer=2), lambda b: b._replace(wait=0)]
)
def test_a_batching_that_cannot_work_is_refused(spoil: Callable[[Batching], Batching]) -> None:
    with pytest.raises(ValueError, match="--audit-webhook-batch"):
        Recorded(FakeClock(), spoil(BATCHING))
