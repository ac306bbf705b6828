"""Pods near pods and far from pods, by cases and against a naive reading of the rules."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubern.scheduler.cycle import Unplaced
from kubern.scheduler.framework import Cycle, Event
from kubern.scheduler.plugins.inter_pod_affinity import configured
from kubern.scheduler.podinfo import PodInfo
from tests.unit.scheduler.placing import ZONE, columns_of, node, place, plugin, pod, zoned

AFFINITY = plugin("InterPodAffinity")
HOST = "kubernetes.io/hostname"
NODES = [zoned("a1", "a"), zoned("a2", "a"), zoned("b1", "b")]
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def term(app="db", key=ZONE, **more):
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}} | more


def relating(name="p", app="web", near=(), far=(), rather=(), rather_not=(), **more):
    def side(required, preferred):
        return {REQUIRED: list(required), PREFERRED: [{"weight": w, "podAffinityTerm": t} for w, t in preferred]}

    affinity = {"podAffinity": side(near, rather), "podAntiAffinity": side(far, rather_not)}
    return pod(name, labels={"app": app}, affinity=affinity, **more)


def db(on, name="db", **more):
    return pod(name, labels={"app": "db"}, **more), on


def fits(asking, running=(), nodes=NODES, namespaces=None):
    """The nodes that the plug-in alone accepts."""
    columns = columns_of(nodes, running, namespaces)
    left = columns.present.copy()
    for refusal in AFFINITY.filter(Cycle(PodInfo(asking), columns)):
        left &= ~refusal.nodes
    return {name for name, row in columns.rows.items() if left[row]}


ANYWHERE = {"a1", "a2", "b1"}


@pytest.mark.parametrize(
    ("asking", "running", "accepted"),
    [
        pytest.param(relating(near=[term()]), [], set(), id="nobody to be near"),
        pytest.param(relating(near=[term()]), [db("a1")], {"a1", "a2"}, id="near, by zone"),
        pytest.param(relating(near=[term(key=HOST)]), [db("a1")], {"a1"}, id="near, by host"),
        pytest.param(relating(near=[term("web")]), [], ANYWHERE, id="the first of its kind"),
        pytest.param(relating(near=[term("web")]), [db("a1")], ANYWHERE, id="the first, others about"),
        pytest.param(relating(near=[term(), term("cache")]), [db("a1")], set(), id="both must be one pod"),
        pytest.param(relating(far=[term()]), [db("a1")], {"b1"}, id="far, by zone"),
        pytest.param(relating(far=[term(key=HOST)]), [db("a1")], {"a2", "b1"}, id="far, by host"),
        pytest.param(
            pod(labels={"app": "db"}), [(relating("x", far=[term()]), "a1")], {"b1"}, id="kept away by one that runs"
        ),
        pytest.param(relating(far=[term(key="rack")]), [db("a1")], ANYWHERE, id="a label that nobody has"),
        pytest.param(relating(near=[term()]), [db("a1", namespace="other")], set(), id="own namespace only"),
        pytest.param(
            relating(near=[term(namespaces=["other"])]),
            [db("a1", namespace="other")],
            {"a1", "a2"},
            id="named namespace",
        ),
        pytest.param(
            relating(far=[term(namespaceSelector={})]), [db("a1", namespace="other")], {"b1"}, id="all namespaces"
        ),
        pytest.param(
            relating(far=[term(namespaceSelector={"matchLabels": {"team": "x"}})]),
            [db("a1", "1", namespace="other"), db("b1", "2", namespace="mine")],
            {"a1", "a2"},
            id="namespaces by label",
        ),
        pytest.param(
            relating(far=[term("web", matchLabelKeys=["v"])]),
            [(pod("x", labels={"app": "web", "v": "1"}), "a1")],
            {"b1"},
            id="label key that it lacks",
        ),
    ],
)
def test_which_nodes_suit(asking, running, accepted):
    assert fits(asking, running, namespaces={"mine": {"team": "x"}, "other": {}, "default": {}}) == accepted


def test_label_keys_narrow_a_term_to_the_same_or_another_revision():
    def version(name, number, **more):
        made = relating(name, **more)
        made["metadata"]["labels"]["v"] = number
        return made

    running = [(version("x", "1"), "a1")]
    assert fits(version("p", "2", far=[term("web", matchLabelKeys=["v"])]), running) == ANYWHERE
    assert fits(version("p", "1", far=[term("web", matchLabelKeys=["v"])]), running) == {"b1"}
    assert fits(version("p", "1", far=[term("web", mismatchLabelKeys=["v"])]), running) == ANYWHERE
    assert fits(version("p", "2", far=[term("web", mismatchLabelKeys=["v"])]), running) == {"b1"}


def test_a_namespace_that_changes_its_labels_changes_the_answer():
    columns = columns_of(NODES, [db("a1", namespace="other")], {"other": {}})
    cycle = Cycle(PodInfo(relating(far=[term(namespaceSelector={"matchLabels": {"team": "x"}})])), columns)
    assert AFFINITY.filter(cycle) == []
    columns.relations.set_namespace("other", {"team": "x"})
    assert int(AFFINITY.filter(cycle)[0].nodes.sum()) == 2


@pytest.mark.parametrize(
    ("asking", "running", "reason"),
    [
        (relating(near=[term()]), [], "didn't match pod affinity rules"),
        (relating(far=[term()]), [db("a1")], "didn't match pod anti-affinity rules"),
        (
            pod(labels={"app": "db"}),
            [(relating("x", far=[term()]), "a1")],
            "didn't satisfy existing pods anti-affinity rules",
        ),
    ],
)
def test_what_is_said(asking, running, reason):
    outcome = place(asking, NODES[0], running=running)
    assert isinstance(outcome, Unplaced)
    assert outcome.message == f"0/1 nodes are available: 1 node(s) {reason}."


@pytest.mark.parametrize(
    ("asking", "running", "chosen"),
    [
        pytest.param(relating(rather=[(10, term())]), [db("b1")], "b1", id="rather near"),
        pytest.param(relating(rather_not=[(10, term())]), [db("a1")], "b1", id="rather far"),
        pytest.param(
            relating(app="db"),
            [(relating("x", near=[term("cache")]), "a1"), (relating("y", near=[term()]), "b1")],
            "b1",
            id="wanted by one that runs",
        ),
        pytest.param(
            relating(app="db"),
            [(relating("x", rather=[(50, term())]), "b1")],
            "b1",
            id="rather wanted by one that runs",
        ),
        pytest.param(
            relating(app="db"), [(relating("x", rather_not=[(50, term())]), "a2")], "b1", id="rather not wanted"
        ),
    ],
)
def test_preferences(asking, running, chosen):
    assert place(asking, *NODES, running=running).node == chosen


def test_arguments():
    columns = columns_of(NODES, [(relating("x", near=[term()]), "a1")])
    cycle = Cycle(PodInfo(relating(app="db")), columns)
    assert configured({"hardPodAffinityWeight": 7}).score(cycle, columns.present)[0] == 7
    assert configured({"ignorePreferredTermsOfExistingPods": True}).score(cycle, columns.present) is None
    with pytest.raises(ValueError, match="0-100"):
        configured({"hardPodAffinityWeight": 101})


def test_hints():
    wants = PodInfo(relating(near=[term()]))
    assert AFFINITY.hint(wants, Event("Pod/Add", None, db("a1")[0]))
    assert not AFFINITY.hint(wants, Event("Pod/Add", None, pod("x", labels={"app": "other"})))
    avoids = PodInfo(relating(far=[term()]))
    assert AFFINITY.hint(avoids, Event("Pod/Delete", db("a1")[0]))
    assert not AFFINITY.hint(avoids, Event("Pod/Delete", pod("x", labels={"app": "other"})))
    assert AFFINITY.hint(PodInfo(db("a1")[0]), Event("Pod/Delete", relating("x", far=[term()])))


APPS = st.sampled_from(["db", "web", "cache"])
TERMS = st.lists(st.tuples(APPS, st.sampled_from([ZONE, HOST, "rack"])), max_size=2)
PODS = st.tuples(APPS, TERMS, TERMS)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), PODS), max_size=6),
    PODS,
)
def test_agrees_with_a_naive_reading(zones, running, asking):
    nodes = [zoned(f"n{i}", zone) if zone else node(f"n{i}") for i, zone in enumerate(zones)]

    def made(name, spec):
        app, near, far = spec
        return relating(name, app, [term(*each) for each in near], [term(*each) for each in far])

    placed = [(spec, nodes[on % len(nodes)]) for on, spec in running]
    held = [(made(f"r{i}", spec), on["metadata"]["name"]) for i, (spec, on) in enumerate(placed)]
    expected = {each["metadata"]["name"] for each in nodes if _naive(asking, each, placed)}
    assert fits(made("p", asking), held, nodes) == expected


def _naive(asking, node, placed):
    app, near, far = asking

    def together(key, one, other):
        labels, others = one["metadata"]["labels"], other["metadata"]["labels"]
        return key in labels and labels[key] == others.get(key)

    for wanted, key in far:
        if any(held[0] == wanted and together(key, node, on) for held, on in placed):
            return False
    for held, on in placed:
        if any(avoided == app and together(key, node, on) for avoided, key in held[2]):
            return False
    candidates = [(held, on) for held, on in placed if all(held[0] == wanted for wanted, _ in near)]
    if all(any(together(key, node, on) for _, on in candidates) for _, key in near):
        return True
    found = any(key in on["metadata"]["labels"] for _, on in candidates for _, key in near)
    itself = all(wanted == app for wanted, _ in near)
    return not found and itself and all(key in node["metadata"]["labels"] for _, key in near)
