"""What happens to nodes and their pods: life cycle, taints, eviction, pod garbage, pod ranges."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.controllers.cache import Options
from kubern.controllers.conditions import find
from kubern.controllers.kinds import nodeipam, nodelifecycle, podgc, taint_eviction
from kubern.controllers.pods import is_ready
from kubern.controllers.resources import LEASES, NODES, PODS
from kubern.controllers.taints import tolerates
from tests.unit.controllers.world import START, World, pod

LIFE, EVICTION = nodelifecycle.CONTROLLER.reconciler, taint_eviction.CONTROLLER.reconciler
GARBAGE, RANGES = podgc.CONTROLLER.reconciler, nodeipam.CONTROLLER.reconciler
assert LIFE is not None
assert EVICTION is not None
assert GARBAGE is not None
assert RANGES is not None


def node(name: str, ready: str = "True", **spec: Any) -> Obj:
    condition = {"type": "Ready", "status": ready, "lastHeartbeatTime": rfc3339(START)}
    meta = {"name": name, "labels": {}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": spec, "status": {"conditions": [condition]}}


def lease(world: World, name: str) -> None:
    meta = {"name": name, "namespace": "kube-node-lease"}
    world.put(LEASES, {"metadata": meta, "spec": {"renewTime": rfc3339(world.now)}})


def taints(world: World, name: str) -> set[tuple[str, str]]:
    found = world.get(NODES, name, "")["spec"].get("taints") or ()
    return {(each["key"].rpartition("/")[2], each["effect"]) for each in found}


def silent_world() -> World:
    """Two nodes of which one stops reporting, with a pod on it."""
    world = World()
    for name in ("n1", "n2"):
        world.put(NODES, node(name))
        lease(world, name)
    world.put(PODS, pod("web"))
    for name in ("n2", "n1"):
        world.settle(LIFE, ("", name))
    return world


def test_a_node_is_ready_as_long_as_its_lease_is_renewed() -> None:
    world = silent_world()
    for _ in range(10):
        world.pass_time(20)
        lease(world, "n1")
        world.settle(LIFE, ("", "n1"))
    assert is_ready(world.get(NODES, "n1", ""))
    assert world.plan(LIFE, ("", "n1")).requeue_after == 50.5


def test_a_silent_node_becomes_unknown_and_unreachable() -> None:
    world = silent_world()
    world.pass_time(50)
    assert not world.step(LIFE, ("", "n1"))
    world.pass_time(1)
    world.settle(LIFE, ("", "n1"))
    ready = find(world.get(NODES, "n1", "")["status"]["conditions"], "Ready")
    assert ready is not None
    assert (ready["status"], ready["reason"], ready["message"]) == (
        "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.",
    )  # fmt: skip
    memory = find(world.get(NODES, "n1", "")["status"]["conditions"], "MemoryPressure")
    assert memory is not None
    assert memory["reason"] == "NodeStatusNeverUpdated"
    assert taints(world, "n1") == {("unreachable", "NoSchedule"), ("unreachable", "NoExecute")}
    assert not is_ready(world.get(PODS, "web"))
    assert ("NodeNotReady", "Node n1 status is now: NodeNotReady") in world.events


def test_a_node_that_reports_again_loses_its_taints() -> None:
    world = silent_world()
    world.change(NODES, "n1", lambda obj: obj["spec"].update(taints=[{"key": "mine", "effect": "NoExecute"}]), "")
    world.pass_time(51)
    world.settle(LIFE, ("", "n1"))
    world.put(NODES, {**world.get(NODES, "n1", ""), "status": node("n1")["status"]})
    lease(world, "n1")
    world.settle(LIFE, ("", "n1"))
    assert taints(world, "n1") == {("mine", "NoExecute")}


def test_nobody_is_evicted_when_no_other_node_is_ready() -> None:
    world = World()
    world.put(NODES, node("n1", "False"))
    world.put(NODES, node("n2", "Unknown"))
    world.settle(LIFE, ("", "n1"))
    assert taints(world, "n1") == {("not-ready", "NoSchedule")}


@pytest.mark.parametrize(
    ("kind", "taint"),
    [("DiskPressure", "disk-pressure"), ("MemoryPressure", "memory-pressure"), ("PIDPressure", "pid-pressure")],
)
def test_pressure_and_cordon_become_taints(kind: str, taint: str) -> None:
    world = World()
    pressed = node("n1", unschedulable=True)
    pressed["status"]["conditions"].append({"type": kind, "status": "True"})
    world.put(NODES, pressed)
    world.settle(LIFE, ("", "n1"))
    assert taints(world, "n1") == {(taint, "NoSchedule"), ("unschedulable", "NoSchedule")}


UNREACHABLE = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": rfc3339(START)}


def tolerating(seconds: int | None) -> Obj:
    toleration: Obj = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
    return toleration | ({} if seconds is None else {"tolerationSeconds": seconds})


def tainted_world(*tolerations: Obj) -> World:
    world = World()
    world.put(NODES, node("n1", taints=[UNREACHABLE]))
    world.put(PODS, pod("web", tolerations=list(tolerations)))
    return world


def test_a_pod_that_does_not_tolerate_goes_at_once() -> None:
    world = tainted_world()
    world.step(EVICTION, ("ns", "web"))
    assert world.list(PODS) == []
    assert world.events == [("TaintManagerEviction", "Marking for deletion Pod ns/web")]


def test_a_pod_goes_when_its_toleration_has_run_out() -> None:
    world = tainted_world(tolerating(300))
    assert world.plan(EVICTION, ("ns", "web")).requeue_after == 300
    world.pass_time(299)
    assert not world.step(EVICTION, ("ns", "web"))
    world.pass_time(1)
    world.step(EVICTION, ("ns", "web"))
    assert world.list(PODS) == []


def test_an_eviction_is_cancelled_with_the_taint() -> None:
    world = tainted_world(tolerating(300))
    world.step(EVICTION, ("ns", "web"))
    world.put(NODES, node("n1"))
    world.step(EVICTION, ("ns", "web"))
    world.step(EVICTION, ("ns", "web"))
    assert world.events == [("TaintManagerEviction", "Cancelling deletion of Pod ns/web")]


def test_a_toleration_without_end_lasts() -> None:
    world = tainted_world(tolerating(None))
    world.pass_time(1e6)
    plan = world.plan(EVICTION, ("ns", "web"))
    assert plan.actions == ()
    assert plan.requeue_after is None


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "k", "operator": "Exists"}, True),
        ({"key": "other", "operator": "Exists"}, False),
        ({"key": "k", "value": "v"}, True),
        ({"key": "k", "operator": "Equal", "value": "w"}, False),
        ({"key": "k", "value": "v", "effect": "NoSchedule"}, False),
        ({"value": "v"}, False),
    ],
)
def test_tolerations(toleration: Obj, expected: bool) -> None:
    assert tolerates(toleration, {"key": "k", "value": "v", "effect": "NoExecute"}) is expected


def test_pods_of_a_vanished_node_go_after_a_quarantine() -> None:
    world = World()
    world.put(PODS, pod("web", node="gone"))
    assert not world.step(GARBAGE, podgc.ALL)
    world.pass_time(39)
    assert not world.step(GARBAGE, podgc.ALL)
    world.pass_time(1)
    world.step(GARBAGE, podgc.ALL)
    assert world.list(PODS) == []


def test_only_the_oldest_ended_pods_beyond_the_threshold_go() -> None:
    world = World(Options(terminated_pod_gc_threshold=2))
    world.put(NODES, node("n1"))
    for number in range(4):
        ended = pod(f"p{number}")
        ended["status"]["phase"] = "Succeeded"
        world.put(PODS, ended)
        world.pass_time(1)
    world.step(GARBAGE, podgc.ALL)
    assert sorted(each["metadata"]["name"] for each in world.list(PODS)) == ["p2", "p3"]


def test_what_nobody_can_end_is_deleted_by_force() -> None:
    world = World()
    out = {"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}
    world.put(NODES, node("n1", "Unknown", taints=[out]))
    for name, where in (("stuck", "n1"), ("stray", "")):
        leaving = pod(name, node=where)
        leaving["metadata"]["deletionTimestamp"] = rfc3339(START)
        world.put(PODS, leaving)
    world.put(PODS, pod("stays"))
    world.step(GARBAGE, podgc.ALL)
    assert [each["metadata"]["name"] for each in world.list(PODS)] == ["stays"]


def test_every_node_gets_a_range_of_its_own_and_a_full_cluster_says_so() -> None:
    world = World(Options(cluster_cidr="10.0.0.0/23"))
    for name in ("a", "b", "c"):
        world.put(NODES, node(name))
        world.step(RANGES, ("", name))
    assert [world.get(NODES, name, "")["spec"].get("podCIDR") for name in ("a", "b", "c")] == [
        "10.0.0.0/24", "10.0.1.0/24", None,
    ]  # fmt: skip
    assert world.events == [("CIDRNotAvailable", "Node c status is now: CIDRNotAvailable")]


def test_a_range_that_was_just_given_is_given_to_nobody_else() -> None:
    world = World()
    for name in ("a", "b"):
        world.put(NODES, node(name))
    chosen = {patch.patch["spec"]["podCIDR"] for name in ("a", "b") for patch in world.plan(RANGES, ("", name)).actions}
    assert chosen == {"10.244.0.0/24", "10.244.1.0/24"}


def test_garbage_is_looked_for_from_the_start() -> None:
    """Whatever a controller finds when it begins: nodes, or pods of a node that went while none ran."""
    world = World()
    assert GARBAGE is not None
    for gvr, found in ((NODES, node("n1")), (PODS, pod("p", node="gone"))):
        (watch,) = [each for each in GARBAGE.watches if each.gvr == gvr]
        assert [*watch.keys(None, found, world.cache)] == [podgc.ALL]
