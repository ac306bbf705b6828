"""Topology Aware Routing: endpoints are shared out by the zones' CPU, or by nothing."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.base.json import Obj
from kubern.controllers import topology
from kubern.controllers.kinds import endpointslice
from kubern.controllers.resources import ENDPOINT_SLICES, NODES, PODS, SERVICES
from tests.unit.controllers.world import World, pod

CORE = 10**9
SLICE = endpointslice.CONTROLLER.reconciler
assert SLICE is not None


def endpoints(zones: str) -> list[Obj]:
    return [{"addresses": [f"10.0.0.{n}"], "zone": zone, "conditions": {"ready": True}} for n, zone in enumerate(zones)]


def node(name: str, zone: str = "a", cpu: str = "2", ready: str = "True", **labels: str) -> Obj:
    status = {"conditions": [{"type": "Ready", "status": ready}], "allocatable": {"cpu": cpu}}
    return {"metadata": {"name": name, "labels": {topology.ZONE: zone} | labels}, "spec": {}, "status": status}


def used_by(found: topology.Verdict) -> str:
    return "".join(each["hints"]["forZones"][0]["name"] for each in found.endpoints)


@pytest.mark.parametrize(
    ("zones", "cpu", "users"),
    [
        ("aaabbb", {"a": 2, "b": 2}, "aaabbb"),
        ("aaaabb", {"a": 2, "b": 2}, "aaabbb"),
        ("aaaaaabbb", {"a": 4, "b": 2}, "aaaaaabbb"),
        ("aaaaab", {"a": 2, "b": 2}, "aaabbb"),
        ("aaaabbz", {"a": 2, "b": 2}, "aaaabbb"),
    ],
)
def test_each_zone_gets_about_its_share(zones: str, cpu: dict[str, int], users: str) -> None:
    found = topology.share_out(endpoints(zones), {zone: cores * CORE for zone, cores in cpu.items()})
    assert not found.problem
    assert Counter(used_by(found)) == Counter(users)


@pytest.mark.parametrize(
    ("zones", "cpu", "problem"),
    [
        ("ab", None, "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"),
        ("aab", {"a": 2}, "Nodes only ready in one zone"),
        ("ab", {"a": 1, "b": 1, "c": 1}, "Insufficient number of endpoints (2 endpoints, 3 zones)"),
        (
            "aabbc", {"a": 1, "b": 1, "c": 1},
            "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold"
            " (5 endpoints, 3 zones)",
        ),
    ],
)  # fmt: skip
def test_without_enough_there_are_no_hints(zones: str, cpu: dict[str, int] | None, problem: str) -> None:
    found = topology.share_out(endpoints(zones), cpu)
    assert found.problem == problem
    assert found.endpoints == endpoints(zones)


@given(st.text("abcz", min_size=1, max_size=40), st.dictionaries(st.sampled_from("abc"), st.integers(1, 64)))
def test_no_zone_is_overloaded_where_there_are_hints(zones: str, cpu: dict[str, int]) -> None:
    found = topology.share_out(endpoints(zones), cpu)
    if not found.problem:
        count = Counter(used_by(found))
        assert set(count) <= set(cpu)
        for zone, cores in cpu.items():
            share = cores / sum(cpu.values()) * len(zones)
            assert count[zone] * (1 + topology.OVERLOAD) >= share - 1e-9


@pytest.mark.parametrize(
    ("nodes", "cpu"),
    [
        ([node("1"), node("2", "b", "500m"), node("3")], {"a": 4 * CORE, "b": CORE // 2}),
        ([node("1"), node("2", "b", ready="False")], {"a": 2 * CORE}),
        ([node("1"), node("2", "b", **{"node-role.kubernetes.io/control-plane": ""})], {"a": 2 * CORE}),
        ([node("1"), node("2", "")], None),
        ([node("1"), node("2", "b", "0")], None),
        ([], None),
    ],
)
def test_cpu_of_zones(nodes: list[Obj], cpu: dict[str, int] | None) -> None:
    assert topology.cpu_of_zones(nodes) == cpu


def test_the_slices_of_a_service_that_asks_follow_the_nodes() -> None:
    world = World()
    for name, zone in (("n1", "a"), ("n2", "b")):
        world.put(NODES, node(name, zone))
    spec = {"clusterIP": "10.96.0.9", "selector": {"app": "web"}, "ports": [{"port": 80}]}
    meta = {"name": "web", "namespace": "ns", "annotations": {topology.MODE: "Auto"}}
    world.put(SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    for number in range(6):
        made = pod(f"p{number}", {"app": "web"}, ip=f"10.0.0.{number + 1}")
        made["spec"]["nodeName"] = f"n{number % 2 + 1}"
        world.put(PODS, made)
    world.settle(SLICE, ("ns", "web"))
    found = world.list(ENDPOINT_SLICES)[0]["endpoints"]
    assert all(each["hints"] == {"forZones": [{"name": each["zone"]}]} for each in found)
    world.put(NODES, node("n2", "b", ready="False"))
    world.settle(SLICE, ("ns", "web"))
    assert not any(each.get("hints") for each in world.list(ENDPOINT_SLICES)[0]["endpoints"])
    assert [reason for reason, _ in world.events] == ["TopologyAwareHintsEnabled", "TopologyAwareHintsDisabled"]
    assert "Nodes only ready in one zone, addressType: IPv4" in world.events[1][1]
