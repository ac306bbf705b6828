"""What is said of why a pod is where it is."""

import dataclasses

import pytest

from kubern.scheduler.explain import explain
from kubern.scheduler.profile import Profile
from tests.unit.scheduler.placing import PLUGINS, ZONE, node, pod, zoned

PROFILE = Profile("default-scheduler", PLUGINS)
WEB = {"app": "web"}


def on(made, name):
    return made | {"spec": made["spec"] | {"nodeName": name}}


def test_each_node_has_its_reason_and_the_figure():
    nodes = [
        node("small", cpu="1"),
        node("tainted", taints=[{"key": "k", "value": "v", "effect": "NoSchedule"}]),
        node("fine"),
        node("busy"),
    ]
    found = explain(pod(cpu="3"), PROFILE, nodes, [on(pod("a", cpu="2"), "busy")], {})
    told = {each.node: (each.plugin, each.reasons, each.lacking) for each in found.nodes if each.reasons}
    assert told == {
        "small": ("NodeResourcesFit", ("Insufficient cpu",), "cpu: asks for 3, free are 1 of 1"),
        "busy": ("NodeResourcesFit", ("Insufficient cpu",), "cpu: asks for 3, free are 2 of 4"),
        "tainted": ("TaintToleration", ("node(s) had untolerated taint(s)",), "a toleration of k=v:NoSchedule"),
    }
    assert found.nodes[0].node == "fine"
    assert found.message == ""


def test_a_pod_without_a_place_has_the_schedulers_message():
    found = explain(pod(memory="9Gi"), PROFILE, [node("n")], [], {})
    assert found.message == (
        "0/1 nodes are available: 1 Insufficient memory. "
        "no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    )
    assert found.nodes[0].lacking == "memory: asks for 9Gi, free are 8Gi of 8Gi"


def test_who_would_have_to_leave():
    found = explain(pod(cpu="3", priority=1), PROFILE, [node("n")], [on(pod("a", cpu="2"), "n")], {})
    assert found.message.endswith("preemption: default/a would have to leave n.")


def test_the_best_comes_first_and_a_pod_does_not_stand_in_its_own_way():
    bound = on(pod(cpu="3"), "full")
    found = explain(bound, PROFILE, [node("full"), node("empty")], [bound, on(pod("a", cpu="1"), "full")], {})
    assert found.bound == "full"
    assert [each.node for each in found.nodes] == ["empty", "full"]
    assert not any(each.reasons for each in found.nodes)
    assert found.nodes[0].total > found.nodes[1].total


def test_the_skew_is_told():
    constraint = {
        "topologyKey": ZONE,
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": WEB},
    }
    asking = pod(labels=WEB, topologySpreadConstraints=[constraint])
    running = [on(pod("a", labels=WEB), "a1")]
    found = explain(asking, PROFILE, [zoned("a1", "a"), zoned("b1", "b"), node("x")], running, {})
    assert {each.node: each.lacking for each in found.nodes if each.reasons} == {
        "a1": f"{ZONE}=a has 1, the least crowded domain 0; maxSkew is 1",
        "x": f"the label {ZONE}",
    }


def test_gates_are_told():
    found = explain(pod(schedulingGates=[{"name": "g"}]), PROFILE, [node("n")], [], {})
    assert found.message == "waiting for scheduling gates: [g]"


def test_as_an_object():
    found = explain(pod(cpu="3"), PROFILE, [node("a"), node("b", cpu="1")], [], {}).as_object()
    assert found["pod"] == "default/p"
    assert found["nodes"][0]["node"] == "a"
    assert found["nodes"][0]["total"] == pytest.approx(sum(found["nodes"][0]["scores"].values()))
    assert found["nodes"][1]["plugin"] == "NodeResourcesFit"


def test_it_asks_the_plugins_of_the_pods_own_profile():
    unlimited = [dataclasses.replace(p, filter=None) if p.name == "NodeResourcesFit" else p for p in PLUGINS]
    assert not explain(pod(cpu="99"), Profile("x", unlimited), [node("a")], [], {}).message
