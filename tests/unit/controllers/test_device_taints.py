"""Pods whose devices are tainted have to go, unless their claim tolerates it, or for as long as it does."""

from __future__ import annotations

import pytest

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.controllers.controller import Reconciler
from kubern.controllers.kinds import device_taint_eviction
from kubern.controllers.resources import PODS, RESOURCE_CLAIMS, RESOURCE_SLICES
from tests.unit.controllers.world import START, World, pod

KEY = ("ns", "p")


def _reconciler() -> Reconciler:
    found = device_taint_eviction.CONTROLLER.reconciler
    assert found is not None
    return found


CONTROLLER = _reconciler()


def resource_slice(*effects: str, device: str = "a", generation: int = 1, name: str = "s") -> Obj:
    taints = [{"key": "broken", "effect": each, "timeAdded": rfc3339(START)} for each in effects]
    held = {"name": "pool", "generation": generation, "resourceSliceCount": 1}
    devices = [{"name": device, "taints": taints}]
    return {"metadata": {"name": name}, "spec": {"driver": "d", "pool": held, "devices": devices}}


def world(*slices: Obj, tolerations: list[Obj] | None = None, user: str = "p-uid", node: str = "n1") -> World:
    made = World()
    used = pod("p", node=node, resourceClaims=[{"name": "x", "resourceClaimName": "c"}])
    used["metadata"]["uid"] = "p-uid"
    made.put(PODS, used)
    result = {"request": "r", "driver": "d", "pool": "pool", "device": "a", "tolerations": tolerations or []}
    status = {
        "allocation": {"devices": {"results": [result]}},
        "reservedFor": [{"resource": "pods", "name": "p", "uid": user}],
    }
    made.put(RESOURCE_CLAIMS, {"metadata": {"name": "c", "namespace": "ns"}, "spec": {}, "status": status})
    for each in slices:
        made.put(RESOURCE_SLICES, each)
    return made


FOR_EVER: Obj = {"key": "broken", "operator": "Exists"}
A_WHILE: Obj = {**FOR_EVER, "tolerationSeconds": 30}


@pytest.mark.parametrize(
    ("made", "goes"),
    [
        pytest.param(world(resource_slice("NoExecute")), True, id="tainted"),
        pytest.param(world(resource_slice("NoSchedule")), False, id="kept from others only"),
        pytest.param(world(resource_slice("NoExecute", device="b")), False, id="another device"),
        pytest.param(world(resource_slice("NoExecute"), tolerations=[FOR_EVER]), False, id="tolerated"),
        pytest.param(
            world(resource_slice("NoExecute"), tolerations=[A_WHILE, FOR_EVER]), False, id="the longest counts"
        ),
        pytest.param(world(resource_slice("NoExecute"), user="other"), False, id="not its claim"),
        pytest.param(world(resource_slice("NoExecute"), node=""), False, id="without a node"),
        pytest.param(
            world(resource_slice("NoExecute"), resource_slice(generation=2, name="t")), False, id="an old generation"
        ),
        pytest.param(world(), False, id="no slice"),
    ],
)
def test_who_has_to_go(made: World, goes: bool) -> None:
    made.settle(CONTROLLER, KEY)
    assert bool(made.list(PODS)) != goes
    assert made.events == ([("DeviceTaintManagerEviction", "Marking for deletion")] if goes else [])


def test_a_while_is_waited_for_and_may_be_called_off() -> None:
    made = world(resource_slice("NoExecute"), tolerations=[A_WHILE])
    assert made.plan(CONTROLLER, KEY).requeue_after == 30
    made.put(RESOURCE_SLICES, resource_slice())
    made.settle(CONTROLLER, KEY)
    assert made.events == [("DeviceTaintManagerEviction", "Cancelling deletion")]
    made.put(RESOURCE_SLICES, resource_slice("NoExecute"))
    made.pass_time(30)
    made.settle(CONTROLLER, KEY)
    assert made.list(PODS) == []


def test_a_taint_leads_to_the_pods_that_use_the_device() -> None:
    made = world(resource_slice())
    keys = {watch.gvr: watch.keys for watch in CONTROLLER.watches}
    before, after = resource_slice(), resource_slice("NoExecute")
    assert set(keys[RESOURCE_SLICES](before, after, made.cache)) == {KEY}
    assert set(keys[RESOURCE_SLICES](before, before, made.cache)) == set()
    assert set(keys[RESOURCE_CLAIMS](None, made.get(RESOURCE_CLAIMS, "c"), made.cache)) == {KEY}
