"""From Services and EndpointSlices to ports and back ends."""

import pytest

from kubern.proxy.model import Backend, Place, ports

HERE = Place("n1", "a")


def service(name="web", ip="10.96.0.2", **spec):
    spec = {"type": "ClusterIP", "clusterIP": ip, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]} | spec
    return {"metadata": {"namespace": "default", "name": name}, "spec": spec}


def endpoint(ip, node="n1", **conditions):
    return {"addresses": [ip], "nodeName": node, "conditions": {"ready": True} | conditions}


def endpoint_slice(*endpoints, service="web", port="http", number=8080, family="IPv4"):
    return {
        "metadata": {"namespace": "default", "name": "x", "labels": {"kubernetes.io/service-name": service}},
        "addressType": family,
        "ports": [{"name": port, "port": number, "protocol": "TCP"}],
        "endpoints": list(endpoints),
    }


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([endpoint("10.1.0.2"), endpoint("10.1.0.1")], ["10.1.0.1", "10.1.0.2"], id="ready ones in order"),
        pytest.param([endpoint("10.1.0.1", ready=None)], ["10.1.0.1"], id="no condition means ready"),
        pytest.param([endpoint("10.1.0.1", ready=False), endpoint("10.1.0.2")], ["10.1.0.2"], id="unready left out"),
        pytest.param(
            [endpoint("10.1.0.1", ready=False, serving=True, terminating=True)],
            ["10.1.0.1"],
            id="terminating as a last resort",
        ),
        pytest.param(
            [endpoint("10.1.0.1", ready=False, serving=True, terminating=True), endpoint("10.1.0.2")],
            ["10.1.0.2"],
            id="terminating left out while one is ready",
        ),
        pytest.param(
            [endpoint("10.1.0.1", ready=False, serving=False, terminating=True)], [], id="terminating and failing"
        ),
    ],
)
def test_which_endpoints_are_used(endpoints, expected):
    (port,) = ports([service()], [endpoint_slice(*endpoints)], HERE)
    assert [backend.ip for backend in port.cluster] == expected


def test_local_back_ends_are_those_of_this_node():
    (port,) = ports([service()], [endpoint_slice(endpoint("10.1.0.1"), endpoint("10.1.0.2", node="n2"))], HERE)
    assert port.local == (Backend("10.1.0.1", 8080, True),)
    assert len(port.cluster) == 2


@pytest.mark.parametrize(
    "spec",
    [{"type": "ExternalName", "clusterIP": ""}, {"clusterIP": "None"}, {"clusterIP": "fd00::1"}],
    ids=["external name", "headless", "IPv6"],
)
def test_services_without_an_ipv4_address_are_not_served(spec):
    assert ports([service(**spec)], [], HERE) == []


def test_a_service_of_another_proxy_is_left_alone():
    other = service()
    other["metadata"]["labels"] = {"service.kubernetes.io/service-proxy-name": "mine"}
    assert ports([other], [], HERE) == []


def test_ports_are_matched_by_name_and_ipv6_slices_are_passed_over():
    slices = [endpoint_slice(endpoint("10.1.0.1"), port="other"), endpoint_slice(endpoint("fd00::2"), family="IPv6")]
    (port,) = ports([service()], slices, HERE)
    assert port.cluster == ()


def test_affinity_node_port_and_external_addresses():
    spec = {
        "type": "LoadBalancer",
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
        "externalIPs": ["192.0.2.1"],
        "externalTrafficPolicy": "Local",
        "ports": [{"name": "http", "port": 80, "nodePort": 30080, "protocol": "TCP"}],
    }
    balanced = service(**spec) | {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.2"}, {"hostname": "x"}]}}}
    (port,) = ports([balanced], [], HERE)
    assert (port.affinity, port.node_port, port.external_local) == (60, 30080, True)
    assert port.external_ips == ("192.0.2.1", "192.0.2.2")


def hinted(ip, node, zones="", nodes="", **conditions):
    """An endpoint whose hints name these zones and nodes, one letter each."""
    hints = {"forZones": [{"name": zone} for zone in zones], "forNodes": [{"name": f"n{n}"} for n in nodes]}
    return endpoint(ip, node=node, **conditions) | {"hints": hints}


NEAR, ZONE, FAR = ("10.1.0.1", "n1"), ("10.1.0.2", "n2"), ("10.1.0.3", "n3")


@pytest.mark.parametrize(
    ("endpoints", "used"),
    [
        ([hinted(*NEAR, "a", "1"), hinted(*ZONE, "a", "2"), hinted(*FAR, "b", "3")], [NEAR]),
        ([hinted(*ZONE, "a", "2"), hinted(*FAR, "b", "3")], [ZONE]),
        ([hinted(*NEAR, "a"), hinted(*ZONE, "a"), hinted(*FAR, "b")], [NEAR, ZONE]),
        ([hinted(*FAR, "b", "3")], [FAR]),
        ([hinted(*NEAR, "a", "1"), hinted(*FAR)], [NEAR, FAR]),
        ([hinted(*NEAR, "a", "1"), hinted(*FAR, ready=False)], [NEAR]),
        ([hinted(*NEAR, "a", "1", ready=False), hinted(*FAR, "b", "3")], [FAR]),
        ([hinted(*NEAR, "a", ready=False, serving=True, terminating=True)], [NEAR]),
    ],
    ids=[
        "this node", "this zone", "the whole zone", "nobody is near", "one without hints", "that one is not ready",
        "the near one is not ready", "the last one ends",
    ],
)  # fmt: skip
def test_what_is_near_is_preferred(endpoints, used):
    (port,) = ports([service()], [endpoint_slice(*endpoints)], HERE)
    assert [each.ip for each in port.cluster] == [ip for ip, _ in used]


def test_zones_are_not_asked_for_on_a_node_without_one():
    (port,) = ports([service()], [endpoint_slice(hinted(*NEAR, "a"), hinted(*FAR, "b"))], Place("n1"))
    assert [each.ip for each in port.cluster] == [NEAR[0], FAR[0]]
