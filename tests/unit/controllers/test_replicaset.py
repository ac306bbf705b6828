"""ReplicaSet and ReplicationController: counts, order of deletion, adoption, status."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubern.base.errors import Forbidden
from kubern.base.json import Obj
from kubern.controllers.actions import Create, Delete
from kubern.controllers.kinds import replicaset, replicationcontroller
from kubern.controllers.replicas import failed
from kubern.controllers.resources import PODS, REPLICA_SETS, REPLICATION_CONTROLLERS
from tests.unit.controllers.world import World, pod, run_pod

CONTROLLER = replicaset.CONTROLLER.reconciler
assert CONTROLLER is not None
KEY = ("ns", "web")
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}


def replica_set(replicas: int, **spec: Any) -> Obj:
    full = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE, **spec}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web", "namespace": "ns"}, "spec": full}


def test_missing_pods_are_created_with_owner_labels_and_generated_name() -> None:
    world = World()
    owner = world.put(REPLICA_SETS, replica_set(2))
    world.settle(CONTROLLER, KEY)
    pods = world.list(PODS)
    assert len(pods) == 2
    assert pods[0]["metadata"]["name"].startswith("web-")
    assert pods[0]["metadata"]["labels"] == {"app": "web"}
    assert pods[0]["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": owner["metadata"]["uid"],
            "controller": True, "blockOwnerDeletion": True,
        }
    ]  # fmt: skip
    assert world.events[0][0] == "SuccessfulCreate"
    assert world.events[0][1].startswith("Created pod: web-")


def test_status_counts_ready_and_available_and_comes_back_for_the_rest() -> None:
    world = World()
    world.put(REPLICA_SETS, replica_set(2, minReadySeconds=10))
    world.settle(CONTROLLER, KEY)
    first, _ = (each["metadata"]["name"] for each in world.list(PODS))
    run_pod(world, first)
    world.pass_time(4)
    plan = world.plan(CONTROLLER, KEY)
    assert plan.requeue_after == 6
    assert plan.status is not None
    assert (plan.status["replicas"], plan.status["readyReplicas"]) == (2, 1)
    assert "availableReplicas" not in plan.status
    world.pass_time(6)
    status = world.plan(CONTROLLER, KEY).status
    assert status is not None
    assert status["availableReplicas"] == 1


@pytest.mark.parametrize(
    ("doomed", "kept"),
    [
        (pod("x", node=""), pod("y", ready=False)),
        (pod("x", ready=False), pod("y")),
        (pod("x") | {"status": {"phase": "Pending"}}, pod("y", ready=False)),
    ],
    ids=["unassigned before not ready", "not ready before ready", "pending before running"],
)
def test_the_pod_that_matters_least_is_deleted(doomed: Obj, kept: Obj) -> None:
    for first, second in ((doomed, kept), (kept, doomed)):
        world = World()
        world.put(REPLICA_SETS, replica_set(1))
        for each in (first, second):
            world.put(PODS, {**each, "metadata": {**each["metadata"], "labels": {"app": "web"}}})
        assert [a.name for a in world.plan(CONTROLLER, KEY).actions if isinstance(a, Delete)] == ["x"]


def test_deletion_cost_and_crowded_nodes_decide_between_equals() -> None:
    world = World()
    world.put(REPLICA_SETS, replica_set(2))
    cheap = pod("cheap", {"app": "web"}, node="n2")
    cheap["metadata"]["annotations"] = {"controller.kubernetes.io/pod-deletion-cost": "-5"}
    for each in (pod("a", {"app": "web"}), pod("b", {"app": "web"}), pod("alone", {"app": "web"}, node="n3"), cheap):
        world.put(PODS, each)
    names = [a.name for a in world.plan(CONTROLLER, KEY).actions if isinstance(a, Delete)]
    assert names[0] == "cheap"
    world.settle(CONTROLLER, KEY)
    assert "alone" in {each["metadata"]["name"] for each in world.list(PODS)}


def test_orphans_are_adopted_and_what_matches_no_more_is_released() -> None:
    world = World()
    world.put(REPLICA_SETS, replica_set(1))
    world.put(PODS, pod("orphan", {"app": "web"}))
    world.settle(CONTROLLER, KEY)
    assert world.get(PODS, "orphan")["metadata"]["ownerReferences"][0]["name"] == "web"
    world.change(PODS, "orphan", lambda obj: obj["metadata"]["labels"].update(app="debug"))
    world.settle(CONTROLLER, KEY)
    assert world.get(PODS, "orphan")["metadata"]["ownerReferences"] == []
    assert len(world.list(PODS)) == 2


def test_nothing_is_made_while_the_owner_is_being_deleted() -> None:
    world = World()
    leaving = replica_set(3)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world.put(REPLICA_SETS, leaving)
    assert not [a for a in world.plan(CONTROLLER, KEY).actions if isinstance(a, Create)]


def test_a_refused_creation_becomes_a_condition() -> None:
    world = World()
    world.put(REPLICA_SETS, replica_set(1))
    observed = replicaset.observe(KEY, world.cache)
    assert observed is not None
    status = failed(observed, Forbidden("exceeded quota"), world.now)
    assert status is not None
    assert status["conditions"] == [
        {
            "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    wanted=st.integers(0, 6),
    there=st.lists(
        st.tuples(st.booleans(), st.sampled_from(["Running", "Pending", "Failed", "Succeeded"])), max_size=8
    ),
)
def test_one_plan_leads_to_the_wanted_number_and_then_to_rest(wanted: int, there: list[tuple[bool, str]]) -> None:
    world = World()
    world.put(REPLICA_SETS, replica_set(wanted))
    for number, (ready, phase) in enumerate(there):
        made = pod(f"p{number}", {"app": "web"}, ready=ready)
        made["status"]["phase"] = phase
        world.put(PODS, made)
    world.step(CONTROLLER, KEY)
    alive = [
        each for each in world.list(PODS) if (each.get("status") or {}).get("phase") not in ("Failed", "Succeeded")
    ]
    assert len(alive) == wanted
    world.settle(CONTROLLER, KEY, limit=3)


def test_a_replication_controller_does_the_same_with_a_map_for_selector() -> None:
    world = World()
    reconciler = replicationcontroller.CONTROLLER.reconciler
    assert reconciler is not None
    spec = {"replicas": 2, "selector": {"app": "web"}, "template": TEMPLATE}
    meta = {"name": "web", "namespace": "ns"}
    world.put(
        REPLICATION_CONTROLLERS, {"apiVersion": "v1", "kind": "ReplicationController", "metadata": meta, "spec": spec}
    )
    world.settle(reconciler, KEY)
    assert len(world.list(PODS)) == 2
    assert world.list(PODS)[0]["metadata"]["ownerReferences"][0]["kind"] == "ReplicationController"
    assert "terminatingReplicas" not in world.get(REPLICATION_CONTROLLERS, "web")["status"]
