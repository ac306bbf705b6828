"""EndpointSlices, Endpoints and mirroring."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubern.base.json import Obj
from kubern.controllers import endpoint_model
from kubern.controllers.kinds import endpoints, endpointslice, endpointslice_mirroring
from kubern.controllers.resources import ENDPOINT_SLICES, ENDPOINTS, NODES, PODS, SERVICES
from kubern.controllers.slices import MAX_ENDPOINTS
from tests.unit.controllers.world import World, pod

SLICE, LEGACY = endpointslice.CONTROLLER.reconciler, endpoints.CONTROLLER.reconciler
MIRROR = endpointslice_mirroring.CONTROLLER.reconciler
assert SLICE is not None
assert LEGACY is not None
assert MIRROR is not None
KEY = ("ns", "web")


def service(**spec: Any) -> Obj:
    full = {"clusterIP": "10.96.0.9", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "ns"}, "spec": full}


def backend(number: int, **rest: Any) -> Obj:
    return pod(f"p{number:03}", {"app": "web"}, ip=f"10.0.{number // 250}.{number % 250 + 1}", **rest)


def filled(*pods: Obj, **spec: Any) -> World:
    world = World()
    world.put(SERVICES, service(**spec))
    for each in pods:
        world.put(PODS, each)
    world.settle(SLICE, KEY)
    world.settle(LEGACY, KEY)
    return world


def conditions(world: World) -> dict[str, dict[str, bool]]:
    return {e["targetRef"]["name"]: e["conditions"] for s in world.list(ENDPOINT_SLICES) for e in s["endpoints"]}


def test_pods_become_endpoints_with_their_conditions() -> None:
    leaving = backend(3)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    ended = backend(4)
    ended["status"]["phase"] = "Succeeded"
    world = filled(backend(1), backend(2, ready=False), leaving, ended, pod("other", {"app": "x"}, ip="10.9.9.9"))
    assert conditions(world) == {
        "p001": {"ready": True, "serving": True, "terminating": False},
        "p002": {"ready": False, "serving": False, "terminating": False},
        "p003": {"ready": False, "serving": True, "terminating": True},
    }
    made = world.list(ENDPOINT_SLICES)[0]
    assert made["metadata"]["labels"] == {
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert made["ports"] == [{"name": "", "port": 8080, "protocol": "TCP"}]
    subset = world.get(ENDPOINTS, "web")["subsets"][0]
    assert [each["ip"] for each in subset["addresses"]] == ["10.0.0.2"]
    assert [each["ip"] for each in subset["notReadyAddresses"]] == ["10.0.0.3"]
    assert subset["ports"] == [{"port": 8080, "protocol": "TCP"}]


def test_unready_pods_are_published_where_the_service_wants_it() -> None:
    world = filled(backend(1, ready=False), publishNotReadyAddresses=True)
    assert conditions(world)["p001"] == {"ready": True, "serving": False, "terminating": False}


def test_a_service_of_two_families_has_a_slice_of_each() -> None:
    both, one = backend(1), backend(2)
    both["status"]["podIPs"] = [{"ip": "10.0.0.2"}, {"ip": "fd00::2"}]
    world = filled(both, one, ipFamilies=["IPv6", "IPv4"], ipFamilyPolicy="PreferDualStack")
    found = {
        each["addressType"]: sorted(endpoint["addresses"] for endpoint in each["endpoints"])
        for each in world.list(ENDPOINT_SLICES)
    }
    assert found == {"IPv4": [["10.0.0.2"], ["10.0.0.3"]], "IPv6": [["fd00::2"]]}
    world.put(SERVICES, service(ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack"))
    world.settle(SLICE, KEY)
    assert [each["addressType"] for each in world.list(ENDPOINT_SLICES) if each["endpoints"]] == ["IPv4"]


def test_a_named_port_is_looked_up_in_each_pod() -> None:
    ports = [{"name": "http", "port": 80, "targetPort": "web"}]
    one = backend(1, containers=[{"name": "c", "ports": [{"name": "web", "containerPort": 1000}]}])
    two = backend(2, containers=[{"name": "c", "ports": [{"name": "web", "containerPort": 2000}]}])
    world = filled(one, two, ports=ports)
    assert sorted(each["ports"][0]["port"] for each in world.list(ENDPOINT_SLICES)) == [1000, 2000]
    assert len(world.get(ENDPOINTS, "web")["subsets"]) == 2


def test_a_service_without_pods_has_one_empty_slice_and_a_headless_one_says_so() -> None:
    world = filled(clusterIP="None", ports=[])
    made = world.list(ENDPOINT_SLICES)
    assert [each["endpoints"] for each in made] == [[]]
    assert made[0]["metadata"]["labels"]["service.kubernetes.io/headless"] == ""
    assert "service.kubernetes.io/headless" in world.get(ENDPOINTS, "web")["metadata"]["labels"]


@pytest.mark.parametrize(
    ("wanted", "zone", "hints"),
    [
        ("PreferClose", "z", {"forZones": [{"name": "z"}]}),
        ("PreferSameZone", "z", {"forZones": [{"name": "z"}]}),
        ("PreferSameZone", "", None),
        ("PreferSameNode", "z", {"forZones": [{"name": "z"}], "forNodes": [{"name": "n1"}]}),
        ("PreferSameNode", "", {"forNodes": [{"name": "n1"}]}),
        (None, "z", None),
    ],
)
def test_hints_say_who_should_use_an_endpoint(wanted: str | None, zone: str, hints: Obj | None) -> None:
    world = World()
    world.put(NODES, {"metadata": {"name": "n1", "labels": {"topology.kubernetes.io/zone": zone}}, "spec": {}})
    world.put(SERVICES, service(**({"trafficDistribution": wanted} if wanted else {})))
    world.put(PODS, backend(1))
    world.settle(SLICE, KEY)
    assert world.list(ENDPOINT_SLICES)[0]["endpoints"][0].get("hints") == hints


def test_host_names_and_zones_reach_the_endpoints() -> None:
    world = World()
    world.put(NODES, {"metadata": {"name": "n1", "labels": {"topology.kubernetes.io/zone": "z"}}, "spec": {}})
    world.put(SERVICES, service(clusterIP="None"))
    world.put(PODS, backend(1, hostname="db-0", subdomain="web"))
    world.settle(SLICE, KEY)
    endpoint = world.list(ENDPOINT_SLICES)[0]["endpoints"][0]
    assert (endpoint["hostname"], endpoint["zone"]) == ("db-0", "z")


def test_slices_hold_a_hundred_and_few_of_them_change() -> None:
    world = filled(*(backend(number) for number in range(150)))
    assert sorted(len(each["endpoints"]) for each in world.list(ENDPOINT_SLICES)) == [50, 100]
    world.writes.clear()
    world.remove(PODS, world.get(PODS, "p000"))
    world.put(PODS, backend(200))
    world.settle(SLICE, KEY)
    assert len(world.writes) <= 2
    assert len(conditions(world)) == 150


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.lists(st.integers(0, 260), max_size=230, unique=True), min_size=1, max_size=4))
def test_the_slices_hold_exactly_the_pods_whatever_came_before(steps: list[list[int]]) -> None:
    world = World()
    world.put(SERVICES, service())
    for numbers in steps:
        for each in world.list(PODS):
            world.remove(PODS, each)
        for number in numbers:
            world.put(PODS, {**backend(number), "metadata": {**backend(number)["metadata"], "uid": f"u{number}"}})
        world.settle(SLICE, KEY, limit=2)
        assert sorted(conditions(world)) == sorted(f"p{number:03}" for number in numbers)
        assert all(len(each["endpoints"]) <= MAX_ENDPOINTS for each in world.list(ENDPOINT_SLICES))
        assert world.list(ENDPOINT_SLICES)


def test_endpoints_of_a_service_that_is_gone_go_too() -> None:
    world = filled(backend(1))
    world.remove(SERVICES, world.get(SERVICES, "web"))
    world.settle(LEGACY, KEY)
    assert world.list(ENDPOINTS) == []


def test_hand_written_endpoints_are_mirrored_and_the_mirror_goes_with_them() -> None:
    world = World()
    world.put(SERVICES, {**service(), "spec": {"ports": [{"port": 80}]}})
    subset = {"addresses": [{"ip": "1.2.3.4"}], "notReadyAddresses": [{"ip": "1.2.3.5"}], "ports": [{"port": 80}]}
    world.put(ENDPOINTS, {"metadata": {"name": "web", "namespace": "ns"}, "subsets": [subset]})
    world.settle(MIRROR, KEY)
    mirror = world.list(ENDPOINT_SLICES)[0]
    assert [(e["addresses"], e["conditions"]) for e in mirror["endpoints"]] == [
        (["1.2.3.4"], {"ready": True}),
        (["1.2.3.5"], {"ready": False}),
    ]
    world.remove(ENDPOINTS, world.get(ENDPOINTS, "web"))
    world.settle(MIRROR, KEY)
    assert world.list(ENDPOINT_SLICES) == []


def test_only_what_matters_to_endpoints_wakes_the_services() -> None:
    world = World()
    world.put(SERVICES, service())
    before = backend(1)
    after = {**before, "metadata": {**before["metadata"], "annotations": {"a": "b"}}}
    assert list(endpoint_model.selecting_services(before, after, world.cache)) == []
    assert set(endpoint_model.selecting_services(before, backend(1, ready=False), world.cache)) == {KEY}
