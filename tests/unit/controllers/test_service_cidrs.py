"""Ranges of Service addresses: when they are ready, and when they may go."""

from __future__ import annotations

import pytest

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.controllers.conditions import find
from kubern.controllers.kinds import servicecidrs
from kubern.controllers.kinds.servicecidrs import FINALIZER, MANAGER, OURS, needed
from kubern.controllers.resources import IP_ADDRESSES, SERVICE_CIDRS
from tests.unit.controllers.world import START, World

RANGES = servicecidrs.CONTROLLER.reconciler
assert RANGES is not None


def a_range(name: str, *cidrs: str, deleted: bool = False) -> Obj:
    meta: Obj = {"name": name}
    if deleted:
        meta |= {"deletionTimestamp": rfc3339(START), "finalizers": [FINALIZER]}
    return {"metadata": meta, "spec": {"cidrs": list(cidrs)}}


def address(name: str, manager: str = OURS) -> Obj:
    return {"metadata": {"name": name, "labels": {MANAGER: manager}}}


def ready(world: World, name: str = "r") -> Obj:
    return find(world.get(SERVICE_CIDRS, name, "")["status"]["conditions"], "Ready") or {}


def test_a_new_range_gets_its_finalizer_and_is_ready() -> None:
    world = World()
    world.put(SERVICE_CIDRS, a_range("r", "10.0.0.0/24"))
    world.settle(RANGES, ("", "r"))
    assert world.get(SERVICE_CIDRS, "r", "")["metadata"]["finalizers"] == [FINALIZER]
    assert (ready(world)["status"], ready(world)["message"]) == ("True", "Kubernetes Service CIDR is ready")


@pytest.mark.parametrize(
    ("others", "addresses", "kept"),
    [
        ((), (), False),
        ((), ("10.0.0.5",), True),
        ((), ("10.1.0.5",), False),
        ((("10.0.0.0/16",)), ("10.0.0.5",), False),
        ((("10.0.0.0/24",)), ("10.0.0.5",), False),
        ((("10.0.0.0/28",)), ("10.0.0.5",), False),
        ((("10.0.0.0/28",)), ("10.0.0.77",), True),
        ((("fd00::/64",)), ("10.0.0.5",), True),
    ],
)
def test_when_a_range_is_needed(others: tuple[str, ...], addresses: tuple[str, ...], kept: bool) -> None:
    ranges = [
        a_range(f"o{number}", cidr) for number, cidr in enumerate([others] if isinstance(others, str) else others)
    ]
    assert needed(servicecidrs.Observed(a_range("r", "10.0.0.0/24"), ranges, addresses)) is kept


def test_a_doomed_range_waits_for_its_addresses_and_ten_seconds() -> None:
    world = World()
    world.put(SERVICE_CIDRS, a_range("r", "10.0.0.0/24", deleted=True))
    world.put(IP_ADDRESSES, address("10.0.0.9", "gateway.example.com"))
    held = world.put(IP_ADDRESSES, address("10.0.0.5"))
    world.settle(RANGES, ("", "r"))
    assert (ready(world)["status"], ready(world)["reason"]) == ("False", "Terminating")
    assert ready(world)["message"] == servicecidrs.BLOCKED
    world.remove(IP_ADDRESSES, held)
    (to_keys,) = (watch.keys for watch in servicecidrs.WATCHES if watch.gvr == IP_ADDRESSES)
    assert list(to_keys(held, None, world.cache)) == [("", "r")]
    assert world.plan(RANGES, ("", "r")).requeue_after == 10
    world.pass_time(10)
    world.settle(RANGES, ("", "r"))
    assert world.get(SERVICE_CIDRS, "r", "")["metadata"]["finalizers"] == []
