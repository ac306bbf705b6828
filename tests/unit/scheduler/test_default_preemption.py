"""Who has to leave for a more important pod."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubern.scheduler.cycle import Placed, Unplaced, schedule
from kubern.scheduler.framework import Cycle, Eviction, Helpless
from kubern.scheduler.listers import DISRUPTION_BUDGETS, DictListers
from kubern.scheduler.nominations import Nominations
from kubern.scheduler.podinfo import PodInfo
from tests.unit.scheduler.placing import PLUGINS, columns_of, node, plugin, pod, zoned

PREEMPTION = plugin("DefaultPreemption")


def held(name, on, priority=0, cpu="2", started="2026-01-01T00:00:00Z", labels=None, **spec):
    made = pod(name, cpu=cpu, memory="1Mi", labels=labels, priority=priority, **spec)
    made["status"] = {"startTime": started}
    return made, on


def budget(labels, allowed=0, disrupted=()):
    return {
        "metadata": {"name": "b", "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}},
        "status": {"disruptionsAllowed": allowed, "disruptedPods": dict.fromkeys(disrupted, "x")},
    }


def preempt(asking, nodes, running, budgets=(), namespaces=None):
    columns = columns_of(nodes, running, namespaces)
    before = columns.requested.copy()
    cycle = Cycle(PodInfo(asking), columns, DictListers({DISRUPTION_BUDGETS: list(budgets)}))
    outcome = schedule(cycle, PLUGINS, random.Random(1))
    assert isinstance(outcome, Unplaced)
    found = PREEMPTION.post_filter(cycle, PLUGINS, outcome.helpable, random.Random(1))
    assert (columns.requested == before).all()
    return found


def victims(found):
    assert isinstance(found, Eviction), found
    return found.node, [info.name for info in found.victims]


BIG = pod(cpu="3", memory="1Mi", priority=10)


@pytest.mark.parametrize(
    ("running", "budgets", "chosen"),
    [
        pytest.param([held("a", "n"), held("b", "n", 5)], [], ("n", ["b", "a"]), id="as many as needed"),
        pytest.param([held("a", "n", 1, "3"), held("b", "n", cpu="1")], [], ("n", ["a"]), id="no more than needed"),
        pytest.param([held("a", "n", cpu="4"), held("b", "m", 5, "4")], [], ("n", ["a"]), id="lowest priority"),
        pytest.param([held("a", "n", 1), held("b", "n", 1), held("c", "m", 1, "4")], [], ("m", ["c"]), id="lowest sum"),
        pytest.param(
            [
                held("a", "n", cpu="4", started="2026-01-01T00:00:00Z"),
                held("b", "m", cpu="4", started="2026-02-01T00:00:00Z"),
            ],
            [],
            ("m", ["b"]),
            id="youngest",
        ),
        pytest.param(
            [held("a", "n", cpu="4", labels={"x": "y"}), held("b", "m", 5, "4")],
            [budget({"x": "y"})],
            ("m", ["b"]),
            id="budget",
        ),
        pytest.param(
            [held("a", "n", cpu="4", labels={"x": "y"}), held("b", "m", 5, "4")],
            [budget({"x": "y"}, 1)],
            ("n", ["a"]),
            id="budget that allows",
        ),
        pytest.param(
            [held("a", "n", cpu="4", labels={"x": "y"})],
            [budget({"x": "y"})],
            ("n", ["a"]),
            id="budget broken in need",
        ),
    ],
)
def test_who_leaves(running, budgets, chosen):
    nodes = [node(name) for name in sorted({on for _, on in running})]
    assert victims(preempt(BIG, nodes, running, budgets)) == chosen


def test_protected_pods_are_let_back_in_first():
    running = [held("a", "n", 5, "1", labels={"x": "y"}), held("b", "n", 7, "3")]
    found = preempt(BIG, [node("n")], running, [budget({"x": "y"})])
    assert victims(found) == ("n", ["b"])
    assert found.violations == 0


@pytest.mark.parametrize(
    ("asking", "nodes", "running", "message"),
    [
        (
            BIG,
            [node("n")],
            [held("a", "n", 10)],
            "0/1 nodes are available: 1 No preemption victims found for incoming pod.",
        ),
        (
            BIG,
            [node("n", cpu="1")],
            [held("a", "n", cpu="1")],
            "0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
        ),
        (
            BIG,
            [node("n"), node("m", taints=[{"key": "k", "effect": "NoSchedule"}])],
            [held("a", "n", 10), held("b", "n", 0, "1")],
            "0/2 nodes are available: 1 Insufficient cpu, 1 Preemption is not helpful for scheduling.",
        ),
        (
            pod(cpu="3", priority=10, preemptionPolicy="Never"),
            [node("n")],
            [held("a", "n")],
            "not eligible due to preemptionPolicy=Never.",
        ),
    ],
)
def test_what_is_said(asking, nodes, running, message):
    found = preempt(asking, nodes, running)
    assert isinstance(found, Helpless)
    assert found.message == message


def test_nobody_else_leaves_while_victims_are_leaving():
    leaving, on = held("a", "n", cpu="4")
    leaving["metadata"]["deletionTimestamp"] = "x"
    found = preempt(BIG | {"status": {"nominatedNodeName": "n"}}, [node("n")], [(leaving, on)])
    assert found == Helpless("not eligible due to a terminating pod on the nominated node.", ineligible=True)


def test_whoever_keeps_the_pod_away_leaves():
    repelling = {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {"matchLabels": {"app": "p"}}}
    terms = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [repelling]}}
    running = [held("a", "n", cpu="1m", affinity=terms), held("b", "n", cpu="1m")]
    asking = pod(labels={"app": "p"}, priority=1)
    assert victims(preempt(asking, [zoned("n", "z")], running)) == ("n", ["a"])


def test_a_claim_keeps_others_of_no_higher_priority_away():
    columns = columns_of([node("n", cpu="3")])
    nominations = Nominations(columns)
    nominations.set(PodInfo(BIG), "n")

    def tried(asking):
        info = PodInfo(asking)
        with nominations.as_seen_by(info):
            return schedule(Cycle(info, columns), PLUGINS, random.Random(1), nominations)

    assert isinstance(tried(pod("low", cpu="1")), Unplaced)
    assert isinstance(tried(pod("same", cpu="1", priority=10)), Unplaced)
    assert isinstance(tried(pod("high", cpu="1", priority=11)), Placed)
    assert isinstance(tried(BIG), Placed)
    assert [each["metadata"]["name"] for each in nominations.overrule(PodInfo(pod("high", priority=11)), "n")] == ["p"]
    assert isinstance(tried(pod("low", cpu="1")), Placed)
    assert columns.requested.sum() == 0


def test_the_claimed_node_comes_first():
    columns = columns_of([node("full"), node("empty")], [held("a", "full", cpu="1")])
    nominations = Nominations(columns)
    nominations.set(PodInfo(BIG), "full")
    with nominations.as_seen_by(PodInfo(BIG)):
        assert schedule(Cycle(PodInfo(BIG), columns), PLUGINS, random.Random(1), nominations).node == "full"


def test_a_pod_that_is_only_expected_attracts_nobody():
    columns = columns_of([zoned("n", "z")])
    nominations = Nominations(columns)
    nominations.set(PodInfo(pod("db", labels={"app": "db"}, priority=5)), "n")
    near = {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {"matchLabels": {"app": "db"}}}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [near]}}
    asking = PodInfo(pod("web", affinity=affinity))
    with nominations.as_seen_by(asking):
        assert isinstance(schedule(Cycle(asking, columns), PLUGINS, random.Random(1), nominations), Unplaced)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.sampled_from(["500m", "1", "2"])), max_size=14),
    st.integers(0, 99),
)
def test_what_is_remembered_of_a_node_is_what_would_be_found_anew(pods, seed):
    nodes = [node(name, cpu="3") for name in "abc"]
    running = [held(f"r{i}", "abc"[on], priority, cpu) for i, (on, priority, cpu) in enumerate(pods)]
    columns = columns_of(nodes)
    for step in range(2 * len(running)):
        # pods come one by one, then go again, and the same question is asked after each
        if step < len(running):
            columns.add_pod(PodInfo(running[step][0]), running[step][1])
        else:
            columns.remove_pod(running[step - len(running)][0]["metadata"]["uid"])
        now = running[: step + 1] if step < len(running) else running[step - len(running) + 1 :]
        found = [asked(BIG, each, seed) for each in (columns, columns_of(nodes, now))]
        assert found[0] == found[1]


def asked(asking, columns, seed):
    cycle = Cycle(PodInfo(asking), columns)
    outcome = PREEMPTION.post_filter(cycle, PLUGINS, columns.present, random.Random(seed))
    if isinstance(outcome, Helpless):
        return outcome.message
    return outcome.node, sorted(info.name for info in outcome.victims), outcome.violations
