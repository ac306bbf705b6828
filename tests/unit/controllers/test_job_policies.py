"""A Job's policies: failed pods that end it, count or do not, limits per index, and a success that needs not all."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.base.json import Obj
from kubern.controllers.conditions import find
from kubern.controllers.job import facts, policies
from kubern.controllers.kinds import job
from kubern.controllers.resources import JOBS, PODS
from tests.unit.controllers.world import World

JOB, KEY = job.CONTROLLER.reconciler, ("ns", "db")
EXIT_42 = {"onExitCodes": {"operator": "In", "values": [42]}}
DISRUPTED = {"onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
assert JOB is not None


def world_of(**spec: Any) -> World:
    world = World()
    template = {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    full = {
        "selector": {"matchLabels": {"app": "db"}}, "template": template, "parallelism": 3, "completions": 3,
        "backoffLimit": 6, "completionMode": "Indexed", **spec,
    }  # fmt: skip
    world.put(
        JOBS, {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "db", "namespace": "ns"}, "spec": full}
    )
    world.settle(JOB, KEY)
    return world


def pod_of(world: World, index: int) -> Obj:
    """Return the pod of an index that has not ended."""
    (found,) = [p for p in world.list(PODS) if facts.index_of(p) == index and not p.get("status")]
    return found


def end(world: World, index: int, phase: str = "Succeeded", code: int = 0, condition: str = "") -> None:
    ended = {"exitCode": code, "finishedAt": world.now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    status: Obj = {"phase": phase, "containerStatuses": [{"name": "c", "state": {"terminated": ended}}]}
    if condition:
        status["conditions"] = [{"type": condition, "status": "True"}]
    world.change(PODS, pod_of(world, index)["metadata"]["name"], lambda obj: obj.update(status=status))
    world.settle(JOB, KEY)


def status(world: World) -> Obj:
    found: Obj = world.get(JOBS, "db")["status"]
    return found


def verdict(world: World) -> tuple[str, str, str] | None:
    for kind in ("Complete", "Failed"):
        found = find(status(world).get("conditions"), kind)
        if found is not None and found["status"] == "True":
            return kind, found["reason"], found["message"]
    return None


@pytest.mark.parametrize(
    ("rule", "ended", "matches"),
    [
        (EXIT_42, {"code": 42}, "Container c for pod ns/p failed with exit code 42"),
        (EXIT_42, {"code": 1}, ""),
        ({"onExitCodes": {"operator": "NotIn", "values": [42]}}, {"code": 1}, "failed with exit code 1"),
        ({"onExitCodes": {"operator": "NotIn", "values": [42]}}, {"code": 0}, ""),
        ({"onExitCodes": {"operator": "In", "values": [42], "containerName": "other"}}, {"code": 42}, ""),
        (DISRUPTED, {"condition": "DisruptionTarget"}, "Pod ns/p has condition DisruptionTarget"),
        (DISRUPTED, {"condition": "Ready"}, ""),
    ],
)
def test_which_failures_a_rule_means(rule: Obj, ended: Obj, matches: str) -> None:
    terminated = {"state": {"terminated": {"exitCode": ended.get("code", 0)}}, "name": "c"}
    conditions = [{"type": ended["condition"], "status": "True"}] if "condition" in ended else []
    pod = {
        "metadata": {"namespace": "ns", "name": "p"},
        "status": {"containerStatuses": [terminated], "conditions": conditions},
    }
    rules = [{"action": "Count", "onExitCodes": {"operator": "In", "values": [99]}}, {"action": "FailJob", **rule}]
    said = policies.meaning({"spec": {"podFailurePolicy": {"rules": rules}}}, pod)
    if matches:
        assert said.action == "FailJob"
        assert matches in said.message
        assert said.message.endswith(" matching FailJob rule at index 1")
    else:
        assert said == ("Count", "")


def test_a_failure_that_the_policy_names_ends_the_job() -> None:
    world = world_of(podFailurePolicy={"rules": [{"action": "FailJob", **EXIT_42}]})
    name = pod_of(world, 1)["metadata"]["name"]
    end(world, 1, "Failed", 42)
    message = f"Container c for pod ns/{name} failed with exit code 42 matching FailJob rule at index 0"
    assert verdict(world) == ("Failed", "PodFailurePolicy", message)
    assert status(world)["failed"] == 1
    assert not [p for p in world.list(PODS) if not p.get("status")]


def test_an_ignored_failure_is_replaced_and_not_counted() -> None:
    world = world_of(backoffLimit=0, podFailurePolicy={"rules": [{"action": "Ignore", **DISRUPTED}]})
    end(world, 0, "Failed", 137, "DisruptionTarget")
    assert verdict(world) is None
    world.pass_time(10)
    world.settle(JOB, KEY)
    assert pod_of(world, 0)
    assert "failed" not in status(world)
    end(world, 0, "Failed", 1)
    assert verdict(world) == ("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")


def test_each_index_has_failures_of_its_own_and_the_others_go_on() -> None:
    world = world_of(backoffLimit=2**31 - 1, backoffLimitPerIndex=1)
    assert pod_of(world, 0)["metadata"]["annotations"][policies.FAILURES] == "0"
    end(world, 0, "Failed", 1)
    assert world.plan(JOB, KEY).requeue_after == 10
    world.pass_time(10)
    world.settle(JOB, KEY)
    assert pod_of(world, 0)["metadata"]["annotations"][policies.FAILURES] == "1"
    assert (status(world)["failed"], status(world)["failedIndexes"]) == (1, "")
    end(world, 0, "Failed", 1)
    assert (status(world)["failed"], status(world)["failedIndexes"], verdict(world)) == (2, "0", None)
    end(world, 1)
    end(world, 2)
    assert status(world)["completedIndexes"] == "1,2"
    assert verdict(world) == ("Failed", "FailedIndexes", "Job has failed indexes")
    assert all(not pod["metadata"]["finalizers"] for pod in world.list(PODS))


def test_an_index_that_is_tried_again_waits_longer_each_time() -> None:
    world = world_of(backoffLimit=2**31 - 1, backoffLimitPerIndex=5)
    for wait in (10, 20, 40):
        end(world, 2, "Failed", 1)
        assert world.plan(JOB, KEY).requeue_after == wait
        world.pass_time(wait)
        world.settle(JOB, KEY)
        assert pod_of(world, 2)


def test_too_many_failed_indexes_end_the_job_at_once() -> None:
    world = world_of(backoffLimit=2**31 - 1, backoffLimitPerIndex=0, maxFailedIndexes=1)
    end(world, 0, "Failed", 1)
    assert verdict(world) is None
    end(world, 1, "Failed", 1)
    reason = ("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes")
    assert verdict(world) == ("Failed", *reason)
    assert status(world)["failedIndexes"] == "0,1"


def test_a_rule_may_give_an_index_up() -> None:
    rules = [{"action": "FailIndex", **EXIT_42}]
    world = world_of(backoffLimit=2**31 - 1, backoffLimitPerIndex=9, podFailurePolicy={"rules": rules})
    end(world, 1, "Failed", 42)
    assert status(world)["failedIndexes"] == "1"


@pytest.mark.parametrize(
    ("rule", "done", "last"),
    [
        ({"succeededIndexes": "1"}, [0], 1),
        ({"succeededCount": 2}, [0], 2),
        ({"succeededIndexes": "1-2", "succeededCount": 1}, [0], 2),
    ],
)
def test_enough_by_the_success_policy_ends_the_job_well(rule: Obj, done: list[int], last: int) -> None:
    world = world_of(successPolicy={"rules": [{"succeededIndexes": "0-2"}, rule]})
    for index in done:
        end(world, index)
        assert verdict(world) is None
    end(world, last)
    assert verdict(world) == ("Complete", "SuccessPolicy", "Matched rules at index 1")
    assert not [p for p in world.list(PODS) if not p.get("status")]
