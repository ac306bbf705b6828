"""Leader election over a scripted transport."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from kubern.base.clock import FakeClock
from kubern.base.errors import Conflict, NotFound, ServiceUnavailable
from kubern.client.client import ApiClient
from kubern.client.leaderelection import Election, Elector, LeadershipLost
from tests.unit.client.scripted import Scripted


def _lease(holder: str, renewed: str = "1") -> dict[str, Any]:
    spec = {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15, "leaseTransitions": 3}
    return {"metadata": {"name": "l", "namespace": "kube-system", "resourceVersion": "1"}, "spec": spec}


def _elector(transport: Scripted, clock: FakeClock) -> Elector:
    return Elector(ApiClient(transport), clock, Election("l", "me"), random.Random(1))


async def _forever() -> None:
    await asyncio.Event().wait()


async def test_a_free_lease_is_taken_and_the_work_begins() -> None:
    transport, done = Scripted(), []

    async def work() -> None:
        done.append(True)

    transport.answers = [NotFound("none"), _lease("me")]
    await _elector(transport, FakeClock()).lead(work)
    assert done == [True]
    assert transport.asked[1].body["spec"]["holderIdentity"] == "me"


async def test_a_held_lease_is_waited_for_until_its_holder_is_silent() -> None:
    transport, clock = Scripted(), FakeClock()
    transport.answers = [_lease("other") for _ in range(20)]
    task = asyncio.ensure_future(_elector(transport, clock).lead(_forever))
    await clock.advance(0)
    await clock.advance(14)
    assert {asked.method for asked in transport.asked} == {"GET"}
    transport.answers.insert(1, Conflict("lost the race"))
    await clock.advance(5)
    assert "PUT" in {asked.method for asked in transport.asked}
    spec = next(asked.body["spec"] for asked in transport.asked if asked.method == "PUT")
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("me", 4)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_whoever_cannot_renew_stops_working() -> None:
    transport, clock = Scripted(), FakeClock()
    stopped = asyncio.Event()

    async def work() -> None:
        try:
            await _forever()
        finally:
            stopped.set()

    transport.answers = [NotFound("none"), _lease("me"), *(ServiceUnavailable("away") for _ in range(20))]
    task = asyncio.ensure_future(_elector(transport, clock).lead(work))
    await clock.advance(0)
    await clock.advance(9)
    assert not stopped.is_set()
    await clock.advance(5)
    assert stopped.is_set()
    with pytest.raises(LeadershipLost):
        await task
