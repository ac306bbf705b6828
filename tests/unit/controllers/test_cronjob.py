"""CronJobs: what their controller decides."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kubern.base.clock import rfc3339
from kubern.controllers import cron
from kubern.controllers.actions import Create
from kubern.controllers.kinds import cronjob
from kubern.controllers.resources import CRON_JOBS, JOBS
from tests.unit.controllers.workloads import KEY, template
from tests.unit.controllers.world import START, World

CRON = cronjob.CONTROLLER.reconciler
assert CRON is not None


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
