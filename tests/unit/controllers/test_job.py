"""Jobs: what their controller decides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.controllers.conditions import find
from kubern.controllers.job import facts as jobs
from kubern.controllers.kinds import job, ttlafterfinished
from kubern.controllers.resources import JOBS, PODS
from tests.unit.controllers.workloads import KEY, names, workload
from tests.unit.controllers.world import World

JOB = job.CONTROLLER.reconciler
assert JOB is not None
TTL = ttlafterfinished.CONTROLLER.reconciler
assert TTL is not None


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
