"""The Service: what is filled in, what an update keeps, what is refused, and what `kubectl get services` shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from kubern.api.resources.core.services import RESOURCE
from kubern.base.json import Obj

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PORTS = [{"port": 80}]


def service(**spec: Any) -> Obj:
    made: Obj = orjson.loads(orjson.dumps({"metadata": {"name": "s"}, "spec": {"ports": PORTS, **spec}}))
    RESOURCE.default(made)
    return made


def allocated(**spec: Any) -> Obj:
    """A Service as it is stored once the apiserver has given it an address and node ports."""
    made = service(**{"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"], **spec})
    if made["spec"]["type"] != "ClusterIP":
        made["spec"]["ports"][0]["nodePort"] = 30080
    return made


def updated(old: Obj, **spec: Any) -> Obj:
    new = service(**spec)
    RESOURCE.prepare_update(new, old)
    return new


def problems(**spec: Any) -> list[tuple[str, str]]:
    return [(cause.field, cause.message) for cause in RESOURCE.validate(service(**spec))]


def test_a_small_service_is_stored_with_every_default() -> None:
    assert service()["spec"] == {
        "internalTrafficPolicy": "Cluster",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }


@pytest.mark.parametrize(
    ("spec", "stored"),
    [
        ({"sessionAffinity": "ClientIP"}, {"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}}}),
        ({"type": "NodePort"}, {"externalTrafficPolicy": "Cluster", "internalTrafficPolicy": "Cluster"}),
        ({"type": "LoadBalancer"}, {"externalTrafficPolicy": "Cluster", "allocateLoadBalancerNodePorts": True}),
        ({"externalIPs": ["192.0.2.1"]}, {"externalTrafficPolicy": "Cluster"}),
        ({"clusterIP": "None"}, {"clusterIPs": ["None"]}),
        ({"clusterIPs": ["10.0.0.1"]}, {"clusterIP": "10.0.0.1"}),
        ({"type": "ExternalName", "externalName": "a.b"}, {"internalTrafficPolicy": None, "ipFamilies": None}),
    ],
    ids=["affinity", "node-port", "balancer", "external-ips", "headless", "addresses", "external-name"],
)
def test_defaults(spec: Obj, stored: Obj) -> None:
    found = service(**spec)["spec"]
    assert {name: found.get(name) for name in stored} == stored


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({"ports": []}, "spec.ports", "Required value"),
        ({"ports": [{"port": 0}]}, "spec.ports[0].port", "Invalid value: 0: must be between 1 and 65535, inclusive"),
        ({"ports": [{"port": 1}, {"port": 2}]}, "spec.ports[0].name", "Required value"),
        ({"ports": [{"port": 1, "name": "a"}, {"port": 2, "name": "a"}]}, "spec.ports[1].name", 'Duplicate value: "a"'),
        (
            {"ports": [{"port": 1, "protocol": "ICMP"}]}, "spec.ports[0].protocol",
            'Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        ),
        ({"ports": [{"port": 1, "nodePort": 30001}]}, "spec.ports[0].nodePort", "Forbidden: may not be used when `type` is 'ClusterIP'"),
        (
            {"ports": [{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]}, "spec.ports[1]",
            'Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":1,"TargetPort":0,"NodePort":0}',
        ),
        (
            {"type": "Other"}, "spec.type",
            'Unsupported value: "Other": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
        ),
        ({"type": "ExternalName"}, "spec.externalName", "Required value"),
        (
            {"type": "ExternalName", "externalName": "a", "clusterIPs": ["10.0.0.1"]}, "spec.clusterIPs",
            "Forbidden: may not be set for ExternalName services",
        ),
        (
            {"type": "NodePort", "clusterIP": "None"}, "spec.clusterIPs[0]",
            "Invalid value: \"None\": may not be set to 'None' for NodePort services",
        ),
        (
            {"clusterIP": "nowhere"}, "spec.clusterIPs[0]",
            'Invalid value: "nowhere": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        ),
        (
            {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 86401}}},
            "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
            "Invalid value: 86401: must be greater than 0 and less than 86400",
        ),
        (
            {"externalTrafficPolicy": "Local"}, "spec.externalTrafficPolicy",
            'Invalid value: "Local": may only be set for externally-accessible services',
        ),
        ({"loadBalancerClass": "a/b"}, "spec.loadBalancerClass", "Forbidden: may only be used when `type` is 'LoadBalancer'"),
    ],
)  # fmt: skip
def test_refused(spec: Obj, field: str, message: str) -> None:
    assert problems(**spec)[:1] == [(field, message)]


def test_a_good_service_passes() -> None:
    assert (
        problems(selector={"app": "a"}, ports=[{"port": 1, "name": "a", "targetPort": "web"}, {"port": 2, "name": "b"}])
        == []
    )
    assert problems(clusterIP="None", ports=[]) == []
    assert problems(type="ExternalName", externalName="example.com.", ports=[]) == []


def test_an_update_that_leaves_out_what_was_allocated_keeps_it() -> None:
    new = updated(allocated(type="NodePort"), type="NodePort")["spec"]
    assert (new["clusterIP"], new["clusterIPs"], new["ports"][0]["nodePort"]) == ("10.96.0.9", ["10.96.0.9"], 30080)


def test_what_the_old_type_had_is_dropped_with_it() -> None:
    old = allocated(type="NodePort")
    new = orjson.loads(orjson.dumps(old))
    new["spec"]["type"] = "ClusterIP"
    RESOURCE.prepare_update(new, old)
    assert "nodePort" not in new["spec"]["ports"][0]
    assert "externalTrafficPolicy" not in new["spec"]
    assert RESOURCE.validate(new) == []
    new["spec"].update(type="ExternalName", externalName="a.b")
    RESOURCE.prepare_update(new, old)
    assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"} & new["spec"].keys()
    assert RESOURCE.validate(new) == []


def test_a_cluster_address_may_not_change() -> None:
    old = allocated()
    new = updated(old, clusterIP="10.96.0.10", clusterIPs=["10.96.0.9"])
    causes = [(cause.field, cause.message) for cause in RESOURCE.validate_update(new, old)]
    assert causes == [("spec.clusterIPs[0]", 'Invalid value: ["10.96.0.10"]: may not change once set')]
    assert RESOURCE.validate_update(updated(old), old) == []


@pytest.mark.parametrize(
    ("spec", "status", "row"),
    [
        ({"clusterIPs": ["10.0.0.1"]}, {}, ["s", "ClusterIP", "10.0.0.1", "<none>", "80/TCP", "<none>"]),
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}]}, {},
            ["s", "NodePort", "<none>", "<none>", "80:30080/TCP,53/UDP", "<none>"],
        ),
        ({"type": "LoadBalancer"}, {}, ["s", "LoadBalancer", "<none>", "<pending>", "80/TCP", "<none>"]),
        (
            {"type": "LoadBalancer", "selector": {"b": "2", "a": "1"}}, {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}},
            ["s", "LoadBalancer", "<none>", "192.0.2.7", "80/TCP", "a=1,b=2"],
        ),
        ({"type": "ExternalName", "externalName": "a.b", "ports": []}, {}, ["s", "ExternalName", "<none>", "a.b", "<none>", "<none>"]),
    ],
)  # fmt: skip
def test_columns(spec: Obj, status: Obj, row: list[str]) -> None:
    made = service(**spec)
    made["status"] = status
    assert [column.cell(made, NOW) for column in RESOURCE.columns if column.name != "Age"] == row


def test_a_services_name_is_a_dns_1035_label() -> None:
    assert RESOURCE.validate_name is not None
    assert RESOURCE.validate_name("1st")[0].startswith("a DNS-1035 label must consist of")
    assert RESOURCE.validate_name("web") == []
