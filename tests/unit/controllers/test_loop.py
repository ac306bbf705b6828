"""The shared loop's parts: expectations, the order of actions, the scan of kinds."""

from __future__ import annotations

import asyncio
import pkgutil
from typing import Any

import pytest

from kubern.base.clock import FakeClock
from kubern.base.errors import AlreadyExists, Conflict, Forbidden, NotFound
from kubern.base.scan import scan
from kubern.client.client import ApiClient
from kubern.client.event_counts import EventCounts
from kubern.client.events import EventRecorder
from kubern.client.informer import Informers
from kubern.controllers import kinds
from kubern.controllers.actions import Action, Create, Delete, Event, Patch, Plan, Told
from kubern.controllers.controller import Context, Controller, Reconciler
from kubern.controllers.counters import Counters
from kubern.controllers.execution import Base, Executor
from kubern.controllers.expectations import PATIENCE, Expectations
from kubern.controllers.loop import Loop
from kubern.controllers.resources import PODS
from kubern.controllers.runner import load
from tests.unit.client.scripted import Scripted
from tests.unit.controllers.world import World, pod

KEY = ("ns", "web")
OWNER = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "web", "namespace": "ns", "uid": "u"}}


def test_a_key_waits_until_its_writes_have_arrived() -> None:
    world = World()
    expectations = Expectations(world.cache)
    assert expectations.met(KEY, 0)
    expectations.wrote(KEY, PODS, {"metadata": {"resourceVersion": "7"}}, 0)
    world.informer(PODS).saw("6")
    assert not expectations.met(KEY, 1)
    world.informer(PODS).saw("7")
    assert expectations.met(KEY, 1)


def test_a_key_waits_until_its_deletions_are_seen() -> None:
    world = World()
    doomed = world.put(PODS, pod("p"))
    expectations = Expectations(world.cache)
    expectations.deleted(KEY, PODS, "ns", "p", doomed["metadata"]["uid"], 0)
    assert not expectations.met(KEY, 1)
    world.change(PODS, "p", lambda obj: obj["metadata"].update(deletionTimestamp="2026-01-01T00:00:00Z"))
    assert expectations.met(KEY, 1)


def test_patience_ends() -> None:
    expectations = Expectations(World().cache)
    expectations.wrote(KEY, PODS, {"metadata": {"resourceVersion": "7"}}, 0)
    assert not expectations.met(KEY, PATIENCE - 1)
    assert expectations.met(KEY, PATIENCE)


def executor(transport: Scripted) -> tuple[Executor, EventRecorder]:
    client, clock = ApiClient(transport), FakeClock()
    recorder = EventRecorder(client, "test", clock)
    return Executor(client, clock, recorder, Expectations(World().cache)), recorder


TOLD = Told(OWNER, "SuccessfulCreate", "Created pod: {name}", "FailedCreate", "Error creating: {error}")
CREATE = Create(PODS, {"metadata": {"generateName": "web-"}}, "ns", TOLD)


async def carried_out(transport: Scripted, *actions: Action) -> list[str]:
    """Carry out; returns what was asked, then the reasons of the Events."""
    doer, recorder = executor(transport)
    try:
        await doer.carry_out(KEY, actions, Base(PODS, None))
    finally:
        asked = [each.method for each in transport.asked]
        transport.answers = [{} for _ in range(20)]
        task = asyncio.ensure_future(recorder.run())
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        transport.asked[: len(asked)] = []
    return asked + [each.body["reason"] for each in transport.asked if each.method == "POST"]


async def test_a_creation_is_told_with_the_name_that_the_server_gave() -> None:
    transport = Scripted()
    transport.answers = [{"metadata": {"name": "web-x1", "resourceVersion": "5"}}]
    assert await carried_out(transport, CREATE) == ["POST", "SuccessfulCreate"]
    assert transport.asked[0].body["message"] == "Created pod: web-x1"


async def test_creations_start_slowly_so_that_few_are_tried_in_vain() -> None:
    transport = Scripted()
    transport.answers = [Forbidden("quota") for _ in range(100)]
    with pytest.raises(Forbidden):
        await carried_out(transport, *[CREATE] * 50)
    assert [each.body["reason"] for each in transport.asked] == ["FailedCreate"]


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        (Delete(PODS, "ns", "p", "u"), NotFound("gone")),
        (Delete(PODS, "ns", "p", "u"), Conflict("another uid")),
        (Patch(PODS, "ns", "p", {}), NotFound("gone")),
        (Create(PODS, {"metadata": {"name": "p"}}, "ns", exists_ok=True), AlreadyExists("there")),
    ],
    ids=["deleted already", "another by now", "patched too late", "there already"],
)
async def test_what_somebody_else_did_first_is_no_error(action: Action, answer: Any) -> None:
    transport = Scripted()
    transport.answers = [answer]
    assert len(await carried_out(transport, action)) == 1


async def test_the_first_error_ends_the_plan() -> None:
    transport = Scripted()
    transport.answers = [Conflict("changed")]
    later = Event(OWNER, "Normal", "Later", "never told")
    with pytest.raises(Conflict):
        await carried_out(transport, Delete(PODS, "ns", "p", "u", resource_version="3"), later)
    assert transport.asked == []


def test_every_kind_is_found_and_can_be_chosen() -> None:
    every = scan(kinds, "CONTROLLER", Controller)
    names = [each.name for each in every]
    assert len(names) == len(set(names)) == len(list(pkgutil.iter_modules(kinds.__path__)))
    assert all(each.reconciler or each.run for each in every)
    assert [each.name for each in load(["deployment-controller"])] == ["deployment-controller"]
    assert "job-controller" not in {each.name for each in load(["*", "-job-controller"])}
    with pytest.raises(LookupError, match="no such controller: nonsense"):
        load(["nonsense"])


class Thinking(FakeClock):
    """A clock that a decision can hold up."""

    def think(self, seconds: float) -> None:
        self._elapsed += seconds


@pytest.mark.parametrize(("thought", "rest"), [(0.001, 0.0), (0.1, 0.4)], ids=["quick", "slow"])
async def test_a_key_that_takes_long_rests_four_times_as_long(thought: float, rest: float) -> None:
    clock, world, decided = Thinking(), World(), []
    world.put(PODS, pod("web"))

    def decide(observed: Any, now: Any) -> Plan:
        decided.append(clock.monotonic())
        clock.think(thought)
        return Plan(())

    reconciler = Reconciler(PODS, (), lambda key, cache: cache.at(PODS, key), decide, "test")
    client = ApiClient(Scripted())
    loop = Loop(
        "test", reconciler, Context(client, clock, Informers(client, clock), world.cache, [], Counters(), EventCounts())
    )
    for _ in range(3):
        await loop.reconcile(("ns", "web"))
    assert len(decided) == (1 if rest else 3)
    await clock.advance(rest)
    await loop.reconcile(("ns", "web"))
    assert len(decided) == (2 if rest else 4)


async def test_keys_that_take_long_share_their_time() -> None:
    clock, world, decided = Thinking(), World(), []
    for name in ("a", "b", "quick"):
        world.put(PODS, pod(name))

    def decide(observed: Any, now: Any) -> Plan:
        decided.append(observed["metadata"]["name"])
        clock.think(0.001 if decided[-1] == "quick" else 0.1)
        return Plan(())

    reconciler = Reconciler(PODS, (), lambda key, cache: cache.at(PODS, key), decide, "test")
    client = ApiClient(Scripted())
    loop = Loop(
        "test", reconciler, Context(client, clock, Informers(client, clock), world.cache, [], Counters(), EventCounts())
    )
    for name in ("a", "b", "a", "b", "quick", "quick"):
        await loop.reconcile(("ns", name))
    assert decided == ["a", "b", "quick", "quick"]
    await clock.advance(0.5)
    for name in ("a", "b"):
        await loop.reconcile(("ns", name))
    assert decided[4:] == ["a"]
