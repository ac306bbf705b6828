"""The configuration file: profiles, plug-in sets, weights and arguments."""

import importlib.util
import random
from pathlib import Path

import pytest

from kubern.scheduler import registry
from kubern.scheduler.config import load_configuration, read_configuration
from kubern.scheduler.cycle import Unplaced, schedule
from kubern.scheduler.framework import Cycle
from kubern.scheduler.podinfo import PodInfo
from tests.unit.scheduler.placing import PLUGINS, columns_of, node, pod

EXAMPLE = Path(__file__).parents[3] / "examples" / "scheduler-plugin"
HEAD = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}


def profile(plugins=None, arguments=None, **more):
    config = [{"name": name, "args": args} for name, args in (arguments or {}).items()]
    found = HEAD | {"profiles": [{"plugins": plugins or {}, "pluginConfig": config} | more]}
    return read_configuration(found, PLUGINS).profiles[0]


def named(profile, name):
    return next((each for each in profile.plugins if each.name == name), None)


def test_nothing_said_is_the_default():
    config = read_configuration(HEAD, PLUGINS)
    assert [p.name for p in config.profiles] == ["default-scheduler"]
    assert [(p.name, p.weight) for p in config.profiles[0].plugins] == [(p.name, p.weight) for p in PLUGINS]
    assert (config.backoff_first, config.backoff_last, config.leader_elect) == (1, 10, True)


def test_default_weights_are_upstreams():
    weights = {p.name: p.weight for p in PLUGINS if p.score}
    assert weights == {
        "TaintToleration": 3, "NodeAffinity": 2, "PodTopologySpread": 2, "InterPodAffinity": 2, "NodeResourcesFit": 1,
        "NodeResourcesBalancedAllocation": 1, "ImageLocality": 1, "DynamicResources": 1,
    }  # fmt: skip


def test_plugins_are_switched_off_at_one_point_or_everywhere():
    found = profile(
        {"score": {"disabled": [{"name": "NodeResourcesFit"}]}, "multiPoint": {"disabled": [{"name": "NodeName"}]}}
    )
    assert named(found, "NodeName") is None
    fit = named(found, "NodeResourcesFit")
    assert fit.score is None
    assert fit.filter is not None


def test_all_scores_off_but_one():
    found = profile({"score": {"disabled": [{"name": "*"}], "enabled": [{"name": "ImageLocality", "weight": 7}]}})
    assert {p.name: p.weight for p in found.plugins if p.score} == {"ImageLocality": 7}


def test_only_what_is_named():
    found = profile(
        {"multiPoint": {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeName"}, {"name": "PrioritySort"}]}}
    )
    assert [p.name for p in found.plugins] == ["NodeName"]


def chosen(arguments, asking, *nodes, running=()):
    outcome = schedule(
        Cycle(PodInfo(asking), columns_of(nodes, running)), profile({}, arguments).plugins, random.Random(1)
    )
    return outcome.message if isinstance(outcome, Unplaced) else outcome.node


PACKING = {
    "NodeResourcesFit": {"scoringStrategy": {"type": "MostAllocated", "resources": [{"name": "cpu", "weight": 1}]}}
}
CURVE = {
    "type": "RequestedToCapacityRatio",
    "resources": [{"name": "cpu"}],
    "requestedToCapacityRatio": {"shape": [{"utilization": u, "score": s} for u, s in ((0, 0), (50, 10), (100, 0))]},
}
GPU = {"example.com/gpu": "1"}


def gpu_pod():
    made = pod()
    made["spec"]["containers"][0]["resources"]["requests"] |= GPU
    return made


def test_the_fuller_node_wins_when_packing():
    running = [(pod("a", cpu="2", memory="4Gi"), "full")]
    assert chosen({}, pod(), node("full"), node("empty"), running=running) == "empty"
    assert chosen(PACKING, pod(), node("full"), node("empty"), running=running) == "full"


def test_a_curve_prefers_the_half_full_node():
    running = [(pod("a", cpu="3500m", memory="7Gi"), "full"), (pod("b", cpu="1900m", memory="3900Mi"), "half")]
    nodes = [node("full"), node("half"), node("empty")]
    assert chosen({"NodeResourcesFit": {"scoringStrategy": CURVE}}, pod(), *nodes, running=running) == "half"


def test_resources_that_are_anothers_business():
    assert chosen({}, gpu_pod(), node("n")) == "0/1 nodes are available: 1 Insufficient example.com/gpu."
    assert chosen({"NodeResourcesFit": {"ignoredResourceGroups": ["example.com"]}}, gpu_pod(), node("n")) == "n"
    config = read_configuration(
        HEAD | {"extenders": [{"urlPrefix": "http://x", "managedResources": [{"name": "example.com/gpu", "ignoredByScheduler": True}]}]},
        PLUGINS,
    )  # fmt: skip
    outcome = schedule(Cycle(PodInfo(gpu_pod()), columns_of([node("n")])), config.profiles[0].plugins, random.Random(1))
    assert outcome.node == "n"


def test_affinity_that_the_scheduler_adds():
    term = {"matchExpressions": [{"key": "team", "operator": "In", "values": ["x"]}]}
    added = {
        "NodeAffinity": {
            "addedAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        }
    }
    assert chosen(added, pod(), node("a"), node("b", labels={"team": "x"})) == "b"
    reason = "1 node(s) didn't match scheduler-enforced node affinity."
    assert chosen(added, pod(), node("a")) == f"0/1 nodes are available: {reason}"


def fitting(strategy):
    return HEAD | {
        "profiles": [{"pluginConfig": [{"name": "NodeResourcesFit", "args": {"scoringStrategy": strategy}}]}]
    }


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"kind": "Pod"}, "expected kind KubeSchedulerConfiguration"),
        (HEAD | {"profils": []}, 'unknown field "profils"'),
        (HEAD | {"profiles": [{"plugins": {"filters": {}}}]}, r'unknown field "profiles\[0\].plugins.filters"'),
        (HEAD | {"profiles": [{}, {}]}, 'Duplicate value: "default-scheduler"'),
        (
            HEAD | {"profiles": [{"plugins": {"score": {"enabled": [{"name": "Nope"}]}}}]},
            r"score.enabled\[0\].name.*Nope.*not a valid",
        ),
        (HEAD | {"profiles": [{"pluginConfig": [{"name": "Nope"}]}]}, "not a valid plugin"),
        (HEAD | {"profiles": [{"pluginConfig": [{"name": "NodeName", "args": {"a": 1}}]}]}, "takes no arguments"),
        (HEAD | {"podInitialBackoffSeconds": 20}, "podMaxBackoffSeconds"),
        (HEAD | {"extenders": [{}]}, r"extenders\[0\].urlPrefix: Required"),
        (HEAD | {"extenders": [{"urlPrefix": "http://x", "httpTimeout": "soon"}]}, "not a duration"),
        (fitting({"type": "Best"}), 'Unsupported value: "Best"'),
        (fitting({"type": "RequestedToCapacityRatio"}), "at least one point"),
    ],
)
def test_what_is_wrong_is_said(found, message):
    with pytest.raises(ValueError, match=message):
        read_configuration(found, PLUGINS)


class EntryPoint:
    """What an installed package shows."""

    name = "quiet-hours"

    def load(self):
        spec = importlib.util.spec_from_file_location("quiet_hours", EXAMPLE / "quiet_hours.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.PLUGIN


def test_the_example_of_a_users_own_plugin(monkeypatch):
    monkeypatch.setattr(
        registry, "entry_points", lambda group: [EntryPoint()] if group == registry.ENTRY_POINTS else []
    )
    config = load_configuration(EXAMPLE / "scheduler.yaml", registry.load())
    usual, packing = config.profiles
    assert named(usual, "QuietHours").weight == 5
    assert named(packing, "QuietHours") is None
    loud = pod(labels={"noise": "loud"})
    nodes = [
        node("quiet", labels={"example.com/quiet": ""}),
        node("fan", labels={"example.com/fan": ""}),
        node("plain"),
    ]

    def goes(asking, nodes):
        outcome = schedule(Cycle(PodInfo(asking), columns_of(nodes)), usual.plugins, random.Random(1))
        return outcome.message if isinstance(outcome, Unplaced) else outcome.node

    assert goes(loud, nodes) == "plain"
    assert goes(loud, nodes[:1]) == "0/1 nodes are available: 1 node(s) were quiet."
    assert goes(pod(), nodes[:1]) == "quiet"
