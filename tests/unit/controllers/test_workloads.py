"""StatefulSets, DaemonSets, Jobs and CronJobs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.controllers import cron
from kubern.controllers.actions import Create
from kubern.controllers.conditions import find
from kubern.controllers.job import facts as jobs
from kubern.controllers.kinds import cronjob, daemonset, job, statefulset, ttlafterfinished
from kubern.controllers.resources import CLAIMS, CRON_JOBS, DAEMON_SETS, JOBS, NODES, PODS, STATEFUL_SETS
from kubern.controllers.revisions import HASH_LABEL
from tests.unit.controllers.world import START, World, run_pod

ORDERED, DAEMON = statefulset.CONTROLLER.reconciler, daemonset.CONTROLLER.reconciler
JOB, CRON, TTL = job.CONTROLLER.reconciler, cronjob.CONTROLLER.reconciler, ttlafterfinished.CONTROLLER.reconciler
assert ORDERED is not None
assert DAEMON is not None
assert JOB is not None
assert CRON is not None
assert TTL is not None
KEY = ("ns", "db")


def template(image: str = "one", **spec: Any) -> Obj:
    return {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "c", "image": image}], **spec}}


def workload(kind: str, **spec: Any) -> Obj:
    full = {"selector": {"matchLabels": {"app": "db"}}, "template": template(), **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "db", "namespace": "ns"}, "spec": full}


def names(world: World) -> list[str]:
    return sorted(each["metadata"]["name"] for each in world.list(PODS))


def images(world: World) -> dict[str, str]:
    return {each["metadata"]["name"]: each["spec"]["containers"][0]["image"] for each in world.list(PODS)}


# StatefulSet


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


# DaemonSet


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


# Job


def finish(world: World, name: str, phase: str = "Succeeded") -> None:
    world.change(PODS, name, lambda obj: obj.update(status={"phase": phase}))


def job_status(world: World) -> Obj:
    status: Obj = world.get(JOBS, "db")["status"]
    return status


def verdict(world: World, kind: str) -> str:
    found = find(job_status(world).get("conditions"), kind)
    return found["reason"] if found is not None and found["status"] == "True" else ""


def job_world(**spec: Any) -> World:
    world = World()
    world.put(JOBS, workload("Job", **{"parallelism": 1, "completions": 1, "backoffLimit": 6, **spec}))
    world.settle(JOB, KEY)
    return world


def test_a_job_is_complete_once_enough_pods_have_succeeded() -> None:
    world = job_world(parallelism=2, completions=3)
    assert job_status(world)["active"] == 2
    while True:
        running = [each for each in world.list(PODS) if (each.get("status") or {}).get("phase") is None]
        if not running:
            break
        finish(world, running[0]["metadata"]["name"])
        world.settle(JOB, KEY)
    assert len(world.list(PODS)) == 3
    assert (job_status(world)["succeeded"], job_status(world).get("active")) == (3, None)
    assert verdict(world, "Complete") == verdict(world, "SuccessCriteriaMet") == "CompletionsReached"
    assert job_status(world)["completionTime"] == rfc3339(world.now)
    assert all(not each["metadata"]["finalizers"] for each in world.list(PODS))
    assert ("Completed", "Job completed") in world.events


def test_failures_back_off_and_then_fail_the_job() -> None:
    world = job_world(backoffLimit=1)
    finish(world, names(world)[0], "Failed")
    world.settle(JOB, KEY)
    assert len(world.list(PODS)) == 1
    assert world.plan(JOB, KEY).requeue_after == 10
    world.pass_time(10)
    world.settle(JOB, KEY)
    assert len(world.list(PODS)) == 2
    for name in names(world):
        finish(world, name, "Failed")
    world.settle(JOB, KEY)
    assert job_status(world)["failed"] == 2
    assert verdict(world, "Failed") == "BackoffLimitExceeded"


def test_indexes_are_each_done_once() -> None:
    world = job_world(parallelism=3, completions=3, completionMode="Indexed")
    by_index = {each["metadata"]["annotations"][jobs.INDEX]: each for each in world.list(PODS)}
    assert sorted(by_index) == ["0", "1", "2"]
    assert by_index["1"]["spec"]["hostname"] == "db-1"
    assert by_index["1"]["spec"]["containers"][0]["env"][0]["name"] == "JOB_COMPLETION_INDEX"
    finish(world, by_index["1"]["metadata"]["name"])
    world.settle(JOB, KEY)
    assert job_status(world)["completedIndexes"] == "1"
    for index in ("0", "2"):
        finish(world, by_index[index]["metadata"]["name"])
    world.settle(JOB, KEY)
    assert job_status(world)["completedIndexes"] == "0-2"
    assert verdict(world, "Complete")


def test_a_deadline_ends_what_runs() -> None:
    world = job_world(activeDeadlineSeconds=30)
    assert world.plan(JOB, KEY).requeue_after == pytest.approx(30.1)
    world.pass_time(31)
    world.settle(JOB, KEY)
    assert world.list(PODS) == []
    assert verdict(world, "Failed") == "DeadlineExceeded"


def test_a_suspended_job_has_no_pods_until_it_is_resumed() -> None:
    world = job_world(suspend=True)
    assert world.list(PODS) == []
    assert verdict(world, "Suspended") == "JobSuspended"
    world.change(JOBS, "db", lambda obj: obj["spec"].update(suspend=False))
    world.settle(JOB, KEY)
    assert len(world.list(PODS)) == 1
    assert verdict(world, "Suspended") == ""


@settings(max_examples=30, deadline=None)
@given(
    completions=st.integers(1, 5),
    parallelism=st.integers(1, 4),
    indexed=st.booleans(),
    chance=st.randoms(use_true_random=False),
)
def test_a_job_never_runs_more_than_allowed_and_counts_each_pod_once(
    completions: int, parallelism: int, indexed: bool, chance: Any
) -> None:
    mode = "Indexed" if indexed else "NonIndexed"
    world = job_world(parallelism=parallelism, completions=completions, completionMode=mode, backoffLimit=100)
    failed = 0
    for turn in range(80):
        wild = turn < 40  # afterwards all goes well, so that it has to end
        running = [each for each in world.list(PODS) if not each.get("status")]
        assert len(running) <= min(parallelism, completions)
        if running and (not wild or chance.random() < 0.7):
            fails = wild and chance.random() < 0.3
            failed += fails
            finish(world, chance.choice(running)["metadata"]["name"], "Failed" if fails else "Succeeded")
        world.pass_time(700)
        world.step(JOB, KEY)
        if verdict(world, "Complete"):
            break
    assert job_status(world)["succeeded"] == completions
    assert job_status(world).get("failed", 0) == failed
    world.settle(JOB, KEY)


def test_indexes_as_text() -> None:
    assert jobs.write_indexes({0, 1, 2, 4, 6, 7}) == "0-2,4,6,7"
    assert jobs.read_indexes("0-2,4,6,7") == {0, 1, 2, 4, 6, 7}
    assert jobs.read_indexes("") == set()


def test_an_ended_job_goes_when_its_time_is_up() -> None:
    world = job_world(ttlSecondsAfterFinished=60)
    finish(world, names(world)[0])
    world.settle(JOB, KEY)
    assert world.plan(TTL, KEY).requeue_after == 60
    world.pass_time(60)
    world.step(TTL, KEY)
    assert world.list(JOBS) == []


# CronJob


def cron_world(schedule: str = "*/5 * * * *", **spec: Any) -> World:
    world = World()
    made = {
        "schedule": schedule,
        "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"template": template()}},
        **spec,
    }
    world.put(
        CRON_JOBS,
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "db", "namespace": "ns"}, "spec": made},
    )
    return world


def end_jobs(world: World, kind: str = "Complete") -> None:
    for each in world.list(JOBS):
        condition = {"type": kind, "status": "True"}
        world.change(JOBS, each["metadata"]["name"], lambda obj, c=condition: obj.update(status={"conditions": [c]}))


def test_a_job_is_started_at_each_time() -> None:
    world = cron_world()
    assert world.plan(CRON, KEY).requeue_after == pytest.approx(300.1)
    world.pass_time(301)
    world.settle(CRON, KEY)
    minute = int(START.timestamp()) // 60 + 5
    made = world.get(JOBS, f"db-{minute}")
    assert made["metadata"]["ownerReferences"][0]["kind"] == "CronJob"
    assert made["metadata"]["labels"] == {"a": "b"}
    status = world.get(CRON_JOBS, "db")["status"]
    assert status["lastScheduleTime"] == "2026-01-01T00:05:00Z"
    assert [each["name"] for each in status["active"]] == [f"db-{minute}"]
    end_jobs(world)
    world.settle(CRON, KEY)
    assert "active" not in world.get(CRON_JOBS, "db")["status"]
    assert ("SawCompletedJob", f"Saw completed job: db-{minute}, condition: Complete") in world.events


@pytest.mark.parametrize(("policy", "running"), [("Allow", 2), ("Forbid", 1), ("Replace", 1)])
def test_concurrency(policy: str, running: int) -> None:
    world = cron_world(concurrencyPolicy=policy)
    for _ in range(2):
        world.pass_time(301)
        world.settle(CRON, KEY)
    assert len(world.list(JOBS)) == running
    newest = max(each["metadata"]["creationTimestamp"] for each in world.list(JOBS))
    assert (newest == rfc3339(world.now)) == (policy != "Forbid")


def test_only_the_last_of_missed_times_is_made_up_and_many_are_told() -> None:
    world = cron_world("* * * * *")
    world.pass_time(86400 * 3 + 30)
    world.settle(CRON, KEY)
    assert len(world.list(JOBS)) == 1
    assert world.get(CRON_JOBS, "db")["status"]["lastScheduleTime"] == "2026-01-04T00:00:00Z"
    assert world.events[0][0] == "TooManyMissedTimes"


def test_a_time_missed_by_more_than_the_deadline_is_let_go() -> None:
    world = cron_world("0 * * * *", startingDeadlineSeconds=60)
    world.pass_time(3700)
    assert not [a for a in world.plan(CRON, KEY).actions if isinstance(a, Create)]


def test_the_history_is_kept_within_its_limits() -> None:
    world = cron_world("* * * * *", successfulJobsHistoryLimit=2)
    for _ in range(5):
        world.pass_time(60)
        world.settle(CRON, KEY)
        end_jobs(world)
    world.settle(CRON, KEY)
    assert len(world.list(JOBS)) == 2


def test_nothing_is_started_while_suspended_and_a_bad_schedule_is_told() -> None:
    world = cron_world(suspend=True)
    world.pass_time(600)
    assert not world.step(CRON, KEY)
    bad = cron_world("nonsense")
    bad.step(CRON, KEY)
    assert bad.events[0][0] == "UnparseableSchedule"


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("*/15 * * * *", (2026, 1, 1, 0, 1), (2026, 1, 1, 0, 15)),
        ("0 0 29 2 *", (2026, 1, 1, 0, 0), (2028, 2, 29, 0, 0)),
        ("30 9 * * mon-fri", (2026, 1, 2, 10, 0), (2026, 1, 5, 9, 30)),
        ("0 12 1 * 0", (2026, 1, 2, 0, 0), (2026, 1, 4, 12, 0)),
        ("@hourly", (2026, 1, 1, 0, 0), (2026, 1, 1, 1, 0)),
        ("5/20 1,3 * jan,DEC ?", (2026, 1, 1, 1, 45), (2026, 1, 1, 3, 5)),
        ("0 0 * * 7", (2026, 1, 1, 0, 0), (2026, 1, 4, 0, 0)),
    ],
)
def test_cron_times(text: str, after: tuple[int, ...], expected: tuple[int, ...]) -> None:
    found = cron.next_time(cron.parse(text), datetime(*after, tzinfo=UTC), cron.zone(None))  # type: ignore[misc, arg-type]
    assert found == datetime(*expected, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_a_time_zone_shifts_and_skipped_hours_are_left_out() -> None:
    berlin = cron.zone("Europe/Berlin")
    found = cron.next_time(cron.parse("30 2 * * *"), datetime(2026, 3, 28, 12, tzinfo=UTC), berlin)
    assert found == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "* * * *", "60 * * * *", "* * 0 * *", "a * * * *", "*/0 * * * *", "5-1 * * * *"])
def test_bad_schedules_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        cron.parse(text)


def test_a_schedule_without_any_time_has_none() -> None:
    assert cron.next_time(cron.parse("0 0 30 2 *"), START, cron.zone(None)) is None
