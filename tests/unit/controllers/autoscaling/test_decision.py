"""The whole decision: limits, policies, stabilisation, conditions, Events, and a run over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.client.contract import GVR
from kubern.controllers.actions import Event, Update
from kubern.controllers.autoscaling.behavior import (
    Memory,
    Recommendation,
    ScaleEvent,
    limit,
    scale_down_limit,
    scale_up_limit,
)
from kubern.controllers.autoscaling.decision import Observed, decide, failed, outcome, remember
from kubern.controllers.autoscaling.model import Fetched, PodValue, Settings

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DEPLOYMENTS = GVR("apps", "v1", "deployments")
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
EXTERNAL = {
    "type": "External", "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "10"}}
}  # fmt: skip


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def pod(name):
    return {
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "1"}}}]},
        "status": {
            "phase": "Running", "startTime": "2026-01-01T00:00:00Z",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:01Z"}],
        },
    }  # fmt: skip


def observed(current, used=None, metrics=(CPU,), fetched=None, memory=None, selector="app=a", **spec):
    hpa = {
        "metadata": {"name": "web", "namespace": "shop", "generation": 3},
        "spec": {"minReplicas": 1, "maxReplicas": 10, "scaleTargetRef": {"kind": "Deployment", "name": "web"},
                 "metrics": list(metrics), **spec},
    }  # fmt: skip
    pods = [pod(f"p{number}") for number in range(current)]
    got = fetched or [Fetched(pods={p["metadata"]["name"]: PodValue(used or 0, NOW) for p in pods})]
    scale = {"spec": {"replicas": current}, "status": {"replicas": current, "selector": selector}}
    return Observed(hpa, Settings(), DEPLOYMENTS, scale, pods, got, memory=memory or Memory())


def conditions(status):
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in status["conditions"]}


def scaled(plan):
    return next((a.obj["spec"]["replicas"] for a in plan.actions if isinstance(a, Update)), None)


def test_more_load_makes_more_replicas_with_upstreams_words():
    plan = decide(observed(2, 1000), NOW)
    assert scaled(plan) == 4
    told = plan.actions[0].told
    assert told.done_reason == "SuccessfulRescale"
    assert told.done == "New size: 4; reason: cpu resource utilization (percentage of request) above target"
    found = conditions(plan.status)
    assert found["AbleToScale"] == (
        "True",
        "SucceededRescale",
        "the HPA controller was able to update the target scale to 4",
    )
    assert found["ScalingActive"][1:] == (
        "ValidMetricFound",
        "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)",
    )
    assert found["ScalingLimited"][:2] == ("False", "DesiredWithinRange")
    assert plan.status["currentReplicas"] == 2
    assert plan.status["desiredReplicas"] == 4
    assert plan.status["lastScaleTime"] == "2026-01-01T12:00:00Z"
    current = {"averageUtilization": 100, "averageValue": "1"}
    assert plan.status["currentMetrics"] == [{"type": "Resource", "resource": {"name": "cpu", "current": current}}]
    assert plan.requeue_after == 15


def test_less_load_waits_for_the_window_and_then_takes_replicas_away():
    busy = Memory((Recommendation(4, ago(100)),))
    plan = decide(observed(4, 100, memory=busy), NOW)
    assert scaled(plan) is None
    assert conditions(plan.status)["AbleToScale"][1] == "ScaleDownStabilized"
    plan = decide(observed(4, 100, memory=Memory((Recommendation(4, ago(301)),))), NOW)
    assert scaled(plan) == 1
    assert plan.actions[0].told.done == "New size: 1; reason: All metrics below target"


@pytest.mark.parametrize(
    ("current", "expected", "reason"),
    [(12, 10, "Current number of replicas above Spec.MaxReplicas"), (1, 2, "Current number of replicas below Spec.MinReplicas")],
)  # fmt: skip
def test_replicas_outside_the_limits_are_put_right_without_asking_metrics(current, expected, reason):
    plan = decide(observed(current, 500, minReplicas=2), NOW)
    assert scaled(plan) == expected
    assert plan.actions[0].told.done == f"New size: {expected}; reason: {reason}"


def test_no_replicas_switch_scaling_off():
    plan = decide(observed(0), NOW)
    assert scaled(plan) is None
    assert conditions(plan.status)["ScalingActive"] == (
        "False", "ScalingDisabled", "scaling is disabled since the replica count of the target is zero",
    )  # fmt: skip


def test_a_target_without_scale_is_said():
    observation = observed(1)._replace(scale=None, error='deployments.apps "web" not found')
    plan = decide(observation, NOW)
    assert plan.actions == (
        Event(observation.autoscaler, "Warning", "FailedGetScale", 'deployments.apps "web" not found'),
    )
    text = 'the HPA controller was unable to get the target\'s current scale: deployments.apps "web" not found'
    assert conditions(plan.status)["AbleToScale"] == ("False", "FailedGetScale", text)


def test_a_scale_without_selector_is_said():
    plan = decide(observed(1, selector=""), NOW)
    assert conditions(plan.status)["ScalingActive"][1] == "InvalidSelector"
    assert plan.actions[0].reason == "SelectorRequired"


def test_a_metric_that_fails_alone_changes_nothing():
    plan = decide(observed(2, fetched=[Fetched(error="no metrics")]), NOW)
    assert scaled(plan) is None
    assert conditions(plan.status)["ScalingActive"] == (
        "False", "FailedGetResourceMetric",
        "the HPA was unable to compute the replica count: failed to get cpu utilization: no metrics",
    )  # fmt: skip
    assert [a.reason for a in plan.actions] == ["FailedGetResourceMetric", "FailedComputeMetricsReplicas"]
    assert plan.actions[1].message == (
        "invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: "
        "failed to get cpu utilization: no metrics"
    )


@pytest.mark.parametrize(("total", "expected"), [(60_000, 6), (10_000, None)])
def test_a_metric_that_fails_beside_a_good_one_stops_only_the_way_down(total, expected):
    both = observed(3, metrics=(CPU, EXTERNAL), fetched=[Fetched(error="away"), Fetched(total=total)])
    plan = decide(both, NOW)
    assert scaled(plan) == expected


def test_the_greediest_metric_wins():
    used = {f"p{n}": PodValue(600, NOW) for n in range(3)}
    plan = decide(observed(3, metrics=(CPU, EXTERNAL), fetched=[Fetched(pods=used), Fetched(total=55_000)]), NOW)
    assert scaled(plan) == 6
    assert plan.actions[0].told.done.endswith("reason: external metric queue(nil) above target")


def test_a_scale_that_is_not_written_is_said():
    status = failed(observed(2), "no", NOW)
    assert conditions(status)["AbleToScale"][1:] == (
        "FailedUpdateScale", "the HPA controller was unable to update the target scale: no",
    )  # fmt: skip


PERCENT = {"type": "Percent", "value": 100, "periodSeconds": 60}
PODS = {"type": "Pods", "value": 4, "periodSeconds": 60}


@pytest.mark.parametrize(
    ("rules", "events", "expected"),
    [
        ({"policies": [PERCENT]}, [], 20),
        ({"policies": [PODS]}, [], 14),
        ({"policies": [PERCENT, PODS], "selectPolicy": "Max"}, [], 20),
        ({"policies": [PERCENT, PODS], "selectPolicy": "Min"}, [], 14),
        ({"policies": [PODS], "selectPolicy": "Disabled"}, [], 10),
        ({"policies": [PODS]}, [ScaleEvent(3, ago(30))], 11),
        ({"policies": [PODS]}, [ScaleEvent(3, ago(90))], 14),
        ({"policies": [PODS]}, [ScaleEvent(-2, ago(30))], 16),
    ],
)
def test_how_far_up_the_policies_let_go(rules, events, expected):
    assert scale_up_limit(10, events, NOW, rules) == expected


@pytest.mark.parametrize(
    ("rules", "events", "expected"),
    [
        ({"policies": [PERCENT]}, [], 0),
        ({"policies": [PODS]}, [], 6),
        ({"policies": [PERCENT, PODS], "selectPolicy": "Min"}, [], 6),
        ({"policies": [PODS]}, [ScaleEvent(-3, ago(30))], 9),
        ({"policies": [{"type": "Percent", "value": 15, "periodSeconds": 60}]}, [], 8),
        ({"selectPolicy": "Disabled", "policies": [PODS]}, [], 10),
    ],
)
def test_how_far_down_the_policies_let_go(rules, events, expected):
    assert scale_down_limit(10, events, NOW, rules) == expected


def test_without_a_behavior_replicas_at_most_double():
    spec = {"minReplicas": 1, "maxReplicas": 100}
    assert limit(spec, 10, 50, Memory(), NOW, Settings()).replicas == 20
    assert limit(spec, 10, 50, Memory(), NOW, Settings()).limited[0] == "ScaleUpLimit"
    assert limit(spec, 1, 50, Memory(), NOW, Settings()).replicas == 4
    assert limit(spec | {"maxReplicas": 3}, 2, 50, Memory(), NOW, Settings()).limited[0] == "TooManyReplicas"


def test_windows_of_a_behavior_hold_back_both_ways():
    behavior = {
        "scaleUp": {"stabilizationWindowSeconds": 60, "policies": [PERCENT]},
        "scaleDown": {"stabilizationWindowSeconds": 30, "policies": [PERCENT]},
    }
    spec = {"minReplicas": 1, "maxReplicas": 100, "behavior": behavior}
    low, high = Memory((Recommendation(5, ago(50)),)), Memory((Recommendation(9, ago(20)),))
    up = limit(spec, 5, 8, low, NOW, Settings())
    assert (up.replicas, up.able[0]) == (5, "ScaleUpStabilized")
    down = limit(spec, 10, 2, high, NOW, Settings())
    assert (down.replicas, down.able[0]) == (9, "ScaleDownStabilized")
    assert limit(spec, 10, 2, Memory((Recommendation(9, ago(40)),)), NOW, Settings()).replicas == 2


@given(
    current=st.integers(1, 200),
    desired=st.integers(0, 1000),
    least=st.integers(1, 50),
    more=st.integers(0, 100),
    changes=st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 400)), max_size=5),
    behaves=st.booleans(),
)
def test_no_limit_is_ever_crossed(current, desired, least, more, changes, behaves):
    spec = {"minReplicas": least, "maxReplicas": least + more}
    current = min(max(current, least), least + more)
    if behaves:
        spec["behavior"] = {"scaleUp": {"policies": [PERCENT, PODS]}, "scaleDown": {"policies": [PODS]}}
    memory = Memory(events=tuple(ScaleEvent(change, ago(seconds)) for change, seconds in changes))
    assert least <= limit(spec, current, desired, memory, NOW, Settings()).replicas <= least + more


def test_load_over_time_leads_up_and_after_the_window_down_again():
    current, memory, at = 1, None, NOW
    seen = []
    for step in range(60):
        load = 2000 if step < 10 else 50
        share = load // current
        used = {f"p{n}": PodValue(share, at) for n in range(current)}
        observation = observed(current, fetched=[Fetched(pods=used)])
        observation, memory = remember(observation, memory, at)
        plan, _ = outcome(observation, at)
        current = scaled(plan) or current
        seen.append(current)
        at += timedelta(seconds=15)
    assert seen[:3] == [4, 4, 4]
    assert seen[10:25] == [4] * 15
    assert seen[-1] == 1
