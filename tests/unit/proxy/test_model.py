"""From Services and EndpointSlices to ports and back ends."""

import pytest

from kubern.proxy.model import Backend, ports


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
    (port,) = ports([service()], [endpoint_slice(*endpoints)], "n1")
    assert [backend.ip for backend in port.cluster] == expected


def test_local_back_ends_are_those_of_this_node():
    (port,) = ports([service()], [endpoint_slice(endpoint("10.1.0.1"), endpoint("10.1.0.2", node="n2"))], "n1")
    assert port.local == (Backend("10.1.0.1", 8080, True),)
    assert len(port.cluster) == 2


@pytest.mark.parametrize(
    "spec",
    [{"type": "ExternalName", "clusterIP": ""}, {"clusterIP": "None"}, {"clusterIP": "fd00::1"}],
    ids=["external name", "headless", "IPv6"],
)
def test_services_without_an_ipv4_address_are_not_served(spec):
    assert ports([service(**spec)], [], "n1") == []


def test_a_service_of_another_proxy_is_left_alone():
    other = service()
    other["metadata"]["labels"] = {"service.kubernetes.io/service-proxy-name": "mine"}
    assert ports([other], [], "n1") == []


def test_ports_are_matched_by_name_and_ipv6_slices_are_passed_over():
    slices = [endpoint_slice(endpoint("10.1.0.1"), port="other"), endpoint_slice(endpoint("fd00::2"), family="IPv6")]
    (port,) = ports([service()], slices, "n1")
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
    (port,) = ports([balanced], [], "n1")
    assert (port.affinity, port.node_port, port.external_local) == (60, 30080, True)
    assert port.external_ips == ("192.0.2.1", "192.0.2.2")
