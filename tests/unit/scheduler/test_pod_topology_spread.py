"""Spreading, by cases and against a naive reading of the rules."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubern.scheduler.cycle import Placed, Unplaced
from kubern.scheduler.framework import Cycle, Event
from kubern.scheduler.listers import SERVICES, DictListers
from kubern.scheduler.plugins.pod_topology_spread import configured
from kubern.scheduler.podinfo import PodInfo
from tests.unit.scheduler.placing import ZONE, columns_of, node, place, plugin, pod, zoned

SPREAD = plugin("PodTopologySpread")
WEB = {"app": "web"}


def spreading(key=ZONE, skew=1, selector=WEB, labels=WEB, name="p", when="DoNotSchedule", **more):
    constraint = {
        "topologyKey": key,
        "maxSkew": skew,
        "whenUnsatisfiable": when,
        "labelSelector": {"matchLabels": selector},
    }
    return pod(name, labels=labels, topologySpreadConstraints=[constraint | more])


def web(name, on, **meta):
    made = pod(name, labels=WEB)
    made["metadata"] |= meta
    return made, on


NODES = [zoned("a1", "a"), zoned("a2", "a"), zoned("b1", "b")]


def fits(asking, nodes, running=()):
    """The nodes that the plug-in alone accepts."""
    columns = columns_of(nodes, running)
    left = columns.present.copy()
    for refusal in SPREAD.filter(Cycle(PodInfo(asking), columns)):
        left &= ~refusal.nodes
    return {name for name, row in columns.rows.items() if left[row]}


@pytest.mark.parametrize(
    ("asking", "running", "accepted"),
    [
        pytest.param(spreading(), [], {"a1", "a2", "b1"}, id="empty"),
        pytest.param(spreading(), [web("1", "a1")], {"b1"}, id="one zone ahead"),
        pytest.param(spreading(skew=2), [web("1", "a1")], {"a1", "a2", "b1"}, id="skew allows"),
        pytest.param(spreading(), [web("1", "a1", deletionTimestamp="x")], {"a1", "a2", "b1"}, id="terminating"),
        pytest.param(spreading(), [web("1", "a1", namespace="other")], {"a1", "a2", "b1"}, id="other namespace"),
        pytest.param(spreading(labels={}), [web("1", "a1")], {"a1", "a2", "b1"}, id="does not count itself"),
        pytest.param(spreading(minDomains=3), [web("1", "a1"), web("2", "b1")], set(), id="too few domains"),
        pytest.param(
            spreading(minDomains=2), [web("1", "a1"), web("2", "b1")], {"a1", "a2", "b1"}, id="enough domains"
        ),
        pytest.param(spreading("kubernetes.io/hostname"), [web("1", "a1")], {"a2", "b1"}, id="by host"),
        pytest.param(
            spreading(matchLabelKeys=["v"], labels=WEB | {"v": "2"}),
            [web("1", "a1")],
            {"a1", "a2", "b1"},
            id="revision",
        ),
    ],
)
def test_which_nodes_are_even_enough(asking, running, accepted):
    assert fits(asking, NODES, running) == accepted


def test_nodes_that_the_pod_cannot_use_are_not_counted_unless_told_so():
    nodes = [*NODES, zoned("c1", "c")]
    running = [web("1", "a1"), web("2", "b1")]
    there = {"nodeSelector": {"use": "yes"}}
    for each in nodes[:3]:
        each = each["metadata"]["labels"].update(use="yes")
    asking = spreading()
    asking["spec"] |= there
    assert fits(asking, nodes, running) == {"a1", "a2", "b1", "c1"}
    asking["spec"]["topologySpreadConstraints"][0]["nodeAffinityPolicy"] = "Ignore"
    assert fits(asking, nodes, running) == {"c1"}
    for each in nodes[:3]:
        del each["metadata"]["labels"]["use"]


@pytest.mark.parametrize(("policy", "accepted"), [("Ignore", {"c1"}), ("Honor", {"a1", "a2", "b1", "c1"})])
def test_tainted_nodes_are_counted_unless_told_otherwise(policy, accepted):
    nodes = [*NODES, zoned("c1", "c", taints=[{"key": "k", "effect": "NoSchedule"}])]
    assert fits(spreading(nodeTaintsPolicy=policy), nodes, [web("1", "a1"), web("2", "b1")]) == accepted


def test_what_is_said():
    outcome = place(spreading(), *NODES[:2], zoned("b1", "b", cpu="0"), node("x"), running=[web("1", "a1")])
    assert isinstance(outcome, Unplaced)
    assert outcome.message == (
        "0/4 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match pod topology spread constraints "
        "(missing required label), 2 node(s) didn't match pod topology spread constraints."
    )


def test_a_preference_chooses_the_emptier_zone():
    asking = spreading(when="ScheduleAnyway")
    outcome = place(asking, *NODES, running=[web("1", "a1"), web("2", "a2")])
    assert isinstance(outcome, Placed)
    assert outcome.node == "b1"
    assert outcome.scores["PodTopologySpread"] == 200


def test_by_default_a_services_pods_are_spread_over_zones():
    service = {"metadata": {"name": "s", "namespace": "default"}, "spec": {"selector": WEB}}
    asking, running = pod(labels=WEB), [web("1", "a1"), web("2", "a1"), web("3", "a2")]
    listers = DictListers({SERVICES: [service]})
    # room is not what decides: a1 and a2 hold more, so b1 is given a pod that fills it
    running.append((pod("big", cpu="2"), "b1"))
    assert place(asking, *NODES, running=running, listers=listers).node == "b1"


def test_the_clusters_own_defaults_replace_the_built_in_ones():
    own = {"topologyKey": ZONE, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    made = configured({"defaultingType": "List", "defaultConstraints": [own]})
    service = {"metadata": {"name": "s", "namespace": "default"}, "spec": {"selector": WEB}}
    columns = columns_of(NODES, [web("1", "a1")])
    refusals = made.filter(Cycle(PodInfo(pod(labels=WEB)), columns, DictListers({SERVICES: [service]})))
    assert [int(refusal.nodes.sum()) for refusal in refusals] == [2]
    with pytest.raises(ValueError, match="no constraints are allowed"):
        configured({"defaultingType": "System", "defaultConstraints": [own]})


def test_a_pod_that_no_constraint_means_wakes_nobody():
    info = PodInfo(spreading())
    assert SPREAD.hint(info, Event("Pod/Delete", web("1", "a1")[0]))
    assert not SPREAD.hint(info, Event("Pod/Delete", pod("2", labels={"app": "db"})))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_agrees_with_a_naive_reading(data):
    zones = data.draw(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=6))
    nodes = [zoned(f"n{i}", zone) if zone else node(f"n{i}") for i, zone in enumerate(zones)]
    spots = data.draw(st.lists(st.tuples(st.integers(0, len(nodes) - 1), st.booleans()), max_size=12))
    running = [
        (pod(f"r{i}", labels=WEB if is_web else {"app": "db"}), f"n{on}") for i, (on, is_web) in enumerate(spots)
    ]
    skew, least = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    columns = columns_of(nodes)
    asking = spreading(skew=skew, minDomains=least)

    def accepted():
        left = columns.present.copy()
        for refusal in SPREAD.filter(Cycle(PodInfo(asking), columns)):
            left &= ~refusal.nodes
        return {name for name, row in columns.rows.items() if left[row]}

    held = []
    # the counts are asked for before, between and after the pods come and go
    for each in running:
        assert accepted() == _naive(nodes, held, skew, least)
        columns.add_pod(PodInfo(each[0]), each[1])
        held.append(each)
    for each in data.draw(st.permutations(running)):
        assert accepted() == _naive(nodes, held, skew, least)
        columns.remove_pod(each[0]["metadata"]["uid"])
        held.remove(each)


def _naive(nodes, running, skew, least):
    zone_of = {each["metadata"]["name"]: each["metadata"]["labels"].get(ZONE) for each in nodes}
    pods = {zone: 0 for zone in zone_of.values() if zone}
    for each, on in running:
        if zone_of[on] and each["metadata"]["labels"] == WEB:
            pods[zone_of[on]] += 1
    fewest = min(pods.values(), default=0) if len(pods) >= least else 0
    return {name for name, zone in zone_of.items() if zone and pods[zone] + 1 - fewest <= skew}
