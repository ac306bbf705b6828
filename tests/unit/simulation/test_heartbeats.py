"""Heartbeats: two writes a node at its start, one in ten seconds later, none of what is silent or gone, and none to make up for."""

from __future__ import annotations

import asyncio

import pytest

from kubern.base.clock import FakeClock
from kubern.base.errors import NotFound
from kubern.client.informer import Informer
from kubern.simulation.heartbeats import Heartbeats
from kubern.simulation.places import place


class Api:
    """Keeps nodes and leases, and what was asked of it."""

    def __init__(self) -> None:
        self.nodes = Informer()
        self.nodes.synced.set()
        self.leases: set[str] = set()
        self.asked: list[tuple[str, str, str]] = []
        self.slow: tuple[FakeClock, float] | None = None

    async def create(self, gvr, obj, namespace=""):
        name = obj["metadata"]["name"]
        self.asked.append(("create", gvr.plural, name))
        if gvr.plural == "leases":
            assert obj["metadata"]["ownerReferences"][0]["uid"] == f"uid-{name}"
            self.leases.add(name)
            return obj
        made = {**obj, "metadata": {**obj["metadata"], "uid": f"uid-{name}"}}
        self.nodes.put(("", name), made)
        return made

    async def patch(self, gvr, name, patch, namespace="", *, subresource=""):
        self.asked.append(("patch", gvr.plural, name))
        if gvr.plural == "leases" and name not in self.leases:
            raise NotFound("gone")
        if self.slow is not None:
            clock, seconds = self.slow
            clock._elapsed += seconds
        return {}


NAMES = ("virtual-1", "virtual-2")


@pytest.fixture
async def beating():
    api, clock = Api(), FakeClock()
    beats = Heartbeats(api, api.nodes, clock, {name: place(number) for number, name in enumerate(NAMES)})
    task = asyncio.ensure_future(beats.run())
    await clock.advance(0.01)
    yield api, clock
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_node_registers_in_two_writes(beating):
    api, _ = beating
    assert sorted(api.asked[:4]) == sorted((("create", kind, name)) for kind in ("leases", "nodes") for name in NAMES)


async def test_each_lease_is_renewed_every_ten_seconds(beating):
    api, clock = beating
    await clock.advance(1)
    del api.asked[:]
    await clock.advance(30)
    assert sorted(api.asked) == sorted([("patch", "leases", name) for name in NAMES] * 3)


async def test_a_silent_node_and_one_that_was_deleted_are_not_heard_of(beating):
    api, clock = beating
    await clock.advance(1)
    api.nodes.put(("", "virtual-1"), None)
    held = api.nodes.get("", "virtual-2")
    meta = {**held["metadata"], "annotations": {"simulation.kubern/silent": "true"}}
    api.nodes.put(("", "virtual-2"), {**held, "metadata": meta})
    del api.asked[:]
    await clock.advance(30)
    assert api.asked == []


async def test_a_lease_that_went_is_made_again(beating):
    api, clock = beating
    api.leases.clear()
    await clock.advance(11)
    assert api.leases == set(NAMES)


async def test_late_heartbeats_are_not_made_up_for(beating):
    api, clock = beating
    await clock.advance(1)
    api.slow = clock, 25.0
    await clock.advance(12)
    api.slow = None
    del api.asked[:]
    await clock.advance(20)
    assert len(api.asked) <= 2 * len(NAMES) + 1
