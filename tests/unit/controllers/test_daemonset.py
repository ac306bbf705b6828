"""DaemonSets: what their controller decides."""

from __future__ import annotations

from typing import Any

from kubern.base.json import Obj
from kubern.controllers.kinds import daemonset
from kubern.controllers.resources import DAEMON_SETS, NODES, PODS
from kubern.controllers.revisions import HASH_LABEL
from tests.unit.controllers.workloads import KEY, images, template, workload
from tests.unit.controllers.world import World, run_pod

DAEMON = daemonset.CONTROLLER.reconciler
assert DAEMON is not None


def node(name: str, *taints: Obj, **labels: str) -> Obj:
    return {"metadata": {"name": name, "labels": labels}, "spec": {"taints": list(taints)}}


def daemon_world(*nodes: Obj, **spec: Any) -> World:
    world = World()
    for each in nodes:
        world.put(NODES, each)
    world.put(DAEMON_SETS, workload("DaemonSet", **spec))
    settle_daemon(world)
    return world


def settle_daemon(world: World) -> None:
    for _ in range(60):
        did = world.step(DAEMON, KEY)
        for each in world.list(PODS):
            if not each["spec"].get("nodeName"):
                run_daemon(world, each["metadata"]["name"])
                did = True
        if not did:
            return
    raise AssertionError("it never comes to rest")


def run_daemon(world: World, name: str) -> None:
    def place(obj: Obj) -> None:
        required = obj["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        obj["spec"]["nodeName"] = required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]

    world.change(PODS, name, place)
    run_pod(world, name)


def where(world: World) -> list[str]:
    return sorted(each["spec"]["nodeName"] for each in world.list(PODS))


def test_one_pod_on_every_node_that_fits() -> None:
    bad = {"key": "x", "effect": "NoSchedule"}
    cordoned = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    world = daemon_world(
        node("a", disk="ssd"), node("b"), node("c", bad, disk="ssd"), node("d", cordoned, disk="ssd"),
        template=template(nodeSelector={"disk": "ssd"}),
    )  # fmt: skip
    assert where(world) == ["a", "d"]
    status = world.get(DAEMON_SETS, "db")["status"]
    assert (status["desiredNumberScheduled"], status["numberAvailable"], status["numberMisscheduled"]) == (2, 2, 0)
    world.change(NODES, "a", lambda obj: obj["metadata"].update(labels={}), "")
    world.put(NODES, node("e", disk="ssd"))
    settle_daemon(world)
    assert where(world) == ["d", "e"]


def test_a_new_taint_keeps_new_pods_away_but_drives_nobody_out() -> None:
    world = daemon_world(node("a"))
    world.change(NODES, "a", lambda obj: obj["spec"].update(taints=[{"key": "x", "effect": "NoSchedule"}]), "")
    settle_daemon(world)
    assert where(world) == ["a"]


def test_a_daemon_update_takes_no_more_nodes_at_once_than_allowed() -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}
    world = daemon_world(*(node(f"n{i}") for i in range(5)), updateStrategy=rolling)
    world.change(DAEMON_SETS, "db", lambda obj: obj["spec"].update(template=template("two")))
    world.step(DAEMON, KEY)
    assert len(world.list(PODS)) == 3
    settle_daemon(world)
    assert set(images(world).values()) == {"two"}
    assert len({each["metadata"]["labels"][HASH_LABEL] for each in world.list(PODS)}) == 1


def test_on_delete_waits_for_people() -> None:
    world = daemon_world(node("a"), updateStrategy={"type": "OnDelete"})
    world.change(DAEMON_SETS, "db", lambda obj: obj["spec"].update(template=template("two")))
    settle_daemon(world)
    assert set(images(world).values()) == {"one"}
    assert "updatedNumberScheduled" not in world.get(DAEMON_SETS, "db")["status"]
