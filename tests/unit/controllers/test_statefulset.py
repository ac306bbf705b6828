"""StatefulSets: what their controller decides."""

from __future__ import annotations

from kubern.controllers.kinds import statefulset
from kubern.controllers.resources import CLAIMS, PODS, STATEFUL_SETS
from tests.unit.controllers.workloads import KEY, images, names, template, workload
from tests.unit.controllers.world import World, run_pod

ORDERED = statefulset.CONTROLLER.reconciler
assert ORDERED is not None


def settle_set(world: World, limit: int = 60) -> None:
    """Let the controller act and the pods run until nothing happens any more."""
    for _ in range(limit):
        did = world.step(ORDERED, KEY)
        for each in world.list(PODS):
            if not each.get("status"):
                run_pod(world, each["metadata"]["name"])
                did = True
        if not did:
            return
    raise AssertionError("it never comes to rest")


def test_pods_come_in_order_each_after_the_one_before_is_ready() -> None:
    world = World()
    world.put(STATEFUL_SETS, workload("StatefulSet", replicas=3, serviceName="dbs"))
    world.settle(ORDERED, KEY)
    assert names(world) == ["db-0"]
    run_pod(world, "db-0")
    world.settle(ORDERED, KEY)
    assert names(world) == ["db-0", "db-1"]
    first = world.get(PODS, "db-0")
    assert (first["spec"]["hostname"], first["spec"]["subdomain"]) == ("db-0", "dbs")
    assert first["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == "db-0"
    assert first["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "0"
    settle_set(world)
    status = world.get(STATEFUL_SETS, "db")["status"]
    assert (status["replicas"], status["readyReplicas"], status["currentReplicas"], status["updatedReplicas"]) == (
        3,
        3,
        3,
        3,
    )
    assert ("SuccessfulCreate", "create Pod db-0 in StatefulSet db successful") in world.events


def test_parallel_pods_come_at_once() -> None:
    world = World()
    world.put(STATEFUL_SETS, workload("StatefulSet", replicas=3, podManagementPolicy="Parallel", ordinals={"start": 5}))
    world.settle(ORDERED, KEY)
    assert names(world) == ["db-5", "db-6", "db-7"]


def test_scaling_down_takes_the_highest_first_one_at_a_time() -> None:
    world = World()
    world.put(STATEFUL_SETS, workload("StatefulSet", replicas=3))
    settle_set(world)
    world.change(STATEFUL_SETS, "db", lambda obj: obj["spec"].update(replicas=1))
    world.step(ORDERED, KEY)
    assert names(world) == ["db-0", "db-1"]
    settle_set(world)
    assert names(world) == ["db-0"]


def test_an_update_goes_from_the_highest_down_to_the_partition() -> None:
    world = World()
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    world.put(STATEFUL_SETS, workload("StatefulSet", replicas=3, updateStrategy=rolling))
    settle_set(world)
    world.change(STATEFUL_SETS, "db", lambda obj: obj["spec"].update(template=template("two")))
    world.step(ORDERED, KEY)
    assert names(world) == ["db-0", "db-1"]
    settle_set(world)
    assert images(world) == {"db-0": "one", "db-1": "two", "db-2": "two"}
    world.remove(PODS, world.get(PODS, "db-0"))
    settle_set(world)
    assert images(world)["db-0"] == "one"
    status = world.get(STATEFUL_SETS, "db")["status"]
    assert status["currentRevision"] != status["updateRevision"]
    world.change(STATEFUL_SETS, "db", lambda obj: obj["spec"].update(updateStrategy={"type": "RollingUpdate"}))
    settle_set(world)
    status = world.get(STATEFUL_SETS, "db")["status"]
    assert images(world)["db-0"] == "two"
    assert status["currentRevision"] == status["updateRevision"]


def test_claims_are_made_before_the_pod_and_outlive_it() -> None:
    world = World()
    claim = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    world.put(STATEFUL_SETS, workload("StatefulSet", replicas=1, volumeClaimTemplates=[claim]))
    settle_set(world)
    assert [each["metadata"]["name"] for each in world.list(CLAIMS)] == ["data-db-0"]
    volumes = world.get(PODS, "db-0")["spec"]["volumes"]
    assert volumes == [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}]
    world.change(STATEFUL_SETS, "db", lambda obj: obj["spec"].update(replicas=0))
    settle_set(world)
    assert len(world.list(CLAIMS)) == 1


def test_a_failed_pod_is_made_again_under_its_name() -> None:
    world = World()
    world.put(STATEFUL_SETS, workload("StatefulSet", replicas=1))
    settle_set(world)
    uid = world.get(PODS, "db-0")["metadata"]["uid"]
    world.change(PODS, "db-0", lambda obj: obj["status"].update(phase="Failed"))
    settle_set(world)
    assert world.get(PODS, "db-0")["metadata"]["uid"] != uid
