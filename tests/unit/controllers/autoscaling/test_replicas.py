"""One metric → replicas: tolerance, pods that are starting, missing metrics, shared numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kubern.base.clock import rfc3339
from kubern.controllers.autoscaling.model import Facts, MetricError, PodValue, Settings, Tolerances
from kubern.controllers.autoscaling.replicas import by_average, by_share, by_utilization, by_value

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
OLD = NOW - timedelta(hours=1)


def pod(name, ready="True", phase="Running", request="1000m", started=OLD, changed=OLD, **metadata):
    requests = {"cpu": request} if request else {}
    return {
        "metadata": {"name": name, **metadata},
        "spec": {"containers": [{"name": "app", "resources": {"requests": requests}}]},
        "status": {
            "phase": phase, "startTime": rfc3339(started),
            "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": rfc3339(changed)}],
        },
    }  # fmt: skip


def facts(pods, current=None, down=0.1, up=0.1):
    count = len(pods) if current is None else current
    return Facts(count, count, pods, NOW, Settings(), Tolerances(down, up))


def values(*milli):
    return {f"p{number}": PodValue(value, NOW) for number, value in enumerate(milli) if value is not None}


def pods(count, **more):
    return [pod(f"p{number}", **more) for number in range(count)]


STARTING = {"started": NOW - timedelta(seconds=60), "changed": NOW - timedelta(seconds=60), "ready": "False"}


@pytest.mark.parametrize(
    ("found", "metrics", "target", "expected"),
    [
        pytest.param(pods(3), values(300, 500, 700), 30, 5, id="scale up"),
        pytest.param(pods(3), values(500, 500, 500), 50, 3, id="on target"),
        pytest.param(pods(3), values(540, 540, 540), 50, 3, id="within the tolerance"),
        pytest.param(pods(3), values(560, 560, 560), 50, 4, id="beyond the tolerance"),
        pytest.param(pods(5), values(100, 100, 100, 100, 100), 50, 1, id="scale down"),
        pytest.param([*pods(2), pod("p2", **STARTING)], values(1000, 1000, 1000), 50, 4, id="a starting pod counts as idle"),
        pytest.param([*pods(2), pod("p2", phase="Pending")], values(1000, 1000), 50, 4, id="a pending pod counts as idle"),
        pytest.param(pods(3), values(1000, 1000, None), 50, 4, id="missing counts as idle on the way up"),
        pytest.param(pods(4), values(100, 100, None, None), 50, 4, id="missing counts as its request on the way down"),
        pytest.param(pods(3), values(700, None, None), 50, 3, id="the direction never turns"),
        pytest.param([*pods(2), pod("p2", phase="Failed")], values(1000, 1000, 1000), 50, 4, id="a failed pod is ignored"),
        pytest.param(
            [*pods(2), pod("p2", deletionTimestamp="x")], values(1000, 1000, 1), 50, 4, id="a leaving pod is ignored"
        ),
    ],
)  # fmt: skip
def test_by_utilization(found, metrics, target, expected):
    assert by_utilization(facts(found), metrics, target, "cpu").replicas == expected


def test_the_status_shows_percent_and_average():
    proposal = by_utilization(facts(pods(2)), values(300, 500), 40, "cpu")
    assert proposal == (2, 40, 400)


@pytest.mark.parametrize(
    ("found", "metrics", "message"),
    [
        (pods(1, request=""), values(1), "missing request for cpu in container app of Pod p0"),
        (pods(1), {}, "did not receive metrics for targeted pods (pods might be unready)"),
        (pods(1), {"other": PodValue(1, NOW)}, "no metrics returned matched known pods"),
    ],
)
def test_what_cannot_be_computed_says_why(found, metrics, message):
    with pytest.raises(MetricError) as failed:
        by_utilization(facts(found), metrics, 50, "cpu")
    assert str(failed.value) == message


def test_a_starting_pod_counts_for_other_metrics_than_cpu():
    found = [*pods(2), pod("p2", **STARTING)]
    assert by_average(facts(found), values(1000, 1000, 1000), 500, "memory").replicas == 6


@pytest.mark.parametrize(
    ("metrics", "target", "expected"),
    [(values(20000, 10000, 30000), 15000, 4), (values(100, 100, 100), 300, 1), (values(100, None, 100), 300, 2)],
)
def test_by_average(metrics, target, expected):
    assert by_average(facts(pods(3)), metrics, target).replicas == expected


@pytest.mark.parametrize(
    ("usage", "target", "current", "expected"),
    [(20000, 10000, 3, 6), (10500, 10000, 3, 3), (5000, 10000, 4, 2), (20000, 10000, 0, 2)],
)
def test_by_value_follows_the_ready_pods(usage, target, current, expected):
    assert by_value(facts(pods(current), current), usage, target).replicas == expected


@pytest.mark.parametrize(("usage", "target", "expected"), [(80000, 10000, 8), (31000, 10000, 3), (10000, 10000, 1)])
def test_by_share(usage, target, expected):
    assert by_share(facts(pods(3)), usage, target).replicas == expected


def test_own_tolerances_decide():
    wide = facts(pods(3), up=0.5)
    assert by_utilization(wide, values(700, 700, 700), 50, "cpu").replicas == 3
    assert by_utilization(facts(pods(4), down=0), values(490, 490, 490, 490), 50, "cpu").replicas == 4
    assert by_utilization(facts(pods(4), down=0), values(250, 250, 250, 250), 50, "cpu").replicas == 2
