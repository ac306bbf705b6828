"""Leader election over a scripted transport."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import orjson
import pytest

from kubern.base.clock import FakeClock
from kubern.base.errors import Conflict, NotFound, ServiceUnavailable
from kubern.client.client import ApiClient
from kubern.client.contract import Reply
from kubern.client.leaderelection import Candidate, Elector, LeadershipLost, LeaseSettings
from tests.unit.client.scripted import Scripted as AnyScripted


class Scripted(AnyScripted):
    """The script is of the Lease; Events are taken down and nothing more."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    async def request(self, method: str, path: str, **more: Any) -> Reply:
        if path.endswith("/events"):
            self.events.append(orjson.loads(more["body"]))
            return Reply(201, more["body"])
        return await super().request(method, path, **more)


def _lease(holder: str, renewed: str = "1") -> dict[str, Any]:
    spec = {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15, "leaseTransitions": 3}
    return {"metadata": {"name": "l", "namespace": "kube-system", "resourceVersion": "1"}, "spec": spec}


def _elector(transport: Scripted, clock: FakeClock, *, release: bool = False) -> Elector:
    candidate = Candidate("me", "tester", release)
    return Elector(ApiClient(transport), clock, LeaseSettings("l"), candidate, random.Random(1))


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


async def test_who_leads_renews_without_looking() -> None:
    transport, clock = Scripted(), FakeClock()
    transport.answers = [NotFound("none"), *(_lease("me", str(n)) for n in range(20))]
    task = asyncio.ensure_future(_elector(transport, clock).lead(_forever))
    for _ in range(4):
        await clock.advance(2)
    assert [asked.method for asked in transport.asked][:4] == ["GET", "POST", "PUT", "PUT"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_event_says_who_leads() -> None:
    transport, clock = Scripted(), FakeClock()
    transport.answers = [NotFound("none"), *(_lease("me", str(n)) for n in range(20))]
    task = asyncio.ensure_future(_elector(transport, clock).lead(_forever))
    await clock.advance(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    events = transport.events
    assert [(e["reason"], e["message"], e["source"]["component"]) for e in events] == [
        ("LeaderElection", "me became leader", "tester"),
        ("LeaderElection", "me stopped leading", "tester"),
    ]
    assert events[0]["involvedObject"]["kind"] == "Lease"


@pytest.mark.parametrize("release", [True, False])
async def test_the_lease_is_released_where_that_is_wanted(release: bool) -> None:
    transport, clock = Scripted(), FakeClock()
    transport.answers = [NotFound("none"), *(_lease("me", str(n)) for n in range(20))]
    task = asyncio.ensure_future(_elector(transport, clock, release=release).lead(_forever))
    await clock.advance(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    freed = [a for a in transport.asked if a.method == "PUT" and a.body["spec"]["holderIdentity"] == ""]
    assert len(freed) == release


async def test_a_request_that_hangs_does_not_keep_a_leader() -> None:
    transport, clock = Scripted(), FakeClock()
    transport.answers = [NotFound("none"), _lease("me")]
    elector = _elector(transport, clock)

    async def hang(*_: Any, **__: Any) -> Any:
        await _forever()

    async def work() -> None:
        elector._client.update = elector._client.get = hang  # type: ignore[method-assign]
        await _forever()

    task = asyncio.ensure_future(elector.lead(work))
    await clock.advance(0)
    await clock.advance(11)
    assert not task.done()
    await clock.advance(1)
    with pytest.raises(LeadershipLost):
        await task
