"""What the zone says to each kind of question."""

import pytest

from kubern.dns.records import Record, pod_address, reverse
from kubern.dns.zone import Zone


def service(name="web", **spec):
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    return {
        "metadata": {"namespace": "default", "name": name},
        "spec": {"clusterIP": "10.96.0.7", "ports": ports} | spec,
    }


def endpoint_slice(*endpoints):
    return {"ports": [{"name": "http", "port": 8080, "protocol": "TCP"}], "endpoints": list(endpoints)}


@pytest.fixture
def zone():
    made = Zone()
    made.set_namespaces(["default"])
    made.update(("default", "web"), service())
    ready = {"addresses": ["10.244.1.2"], "hostname": "db-0", "conditions": {"ready": True}}
    unready = {"addresses": ["10.244.1.3"], "conditions": {"ready": False}}
    made.update(("default", "db"), service("db", clusterIP="None"), [endpoint_slice(ready, unready)])
    made.update(
        ("default", "out"),
        service("out", type="ExternalName", clusterIP="", externalName="web.default.svc.cluster.local."),
    )
    return made


def values(answer):
    return [(r.type, r.value) for _, r in answer.records]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("web.default.svc.cluster.local", "A", [("A", "10.96.0.7")]),
        ("WEB.default.svc.cluster.local", "A", [("A", "10.96.0.7")]),
        ("web.default.svc.cluster.local", "AAAA", []),
        ("_http._tcp.web.default.svc.cluster.local", "SRV", [("SRV", "80 web.default.svc.cluster.local")]),
        ("7.0.96.10.in-addr.arpa", "PTR", [("PTR", "web.default.svc.cluster.local")]),
        ("db.default.svc.cluster.local", "A", [("A", "10.244.1.2")]),
        ("db-0.db.default.svc.cluster.local", "A", [("A", "10.244.1.2")]),
        ("_http._tcp.db.default.svc.cluster.local", "SRV", [("SRV", "8080 db-0.db.default.svc.cluster.local")]),
        ("out.default.svc.cluster.local", "A", [("CNAME", "web.default.svc.cluster.local"), ("A", "10.96.0.7")]),
        ("10-244-1-9.default.pod.cluster.local", "A", [("A", "10.244.1.9")]),
        ("dns-version.cluster.local", "TXT", [("TXT", "1.1.0")]),
        ("default.svc.cluster.local", "A", []),
    ],
)
def test_known_names(zone, name, kind, expected):
    answer = zone.answer(name, kind)
    assert answer is not None
    assert answer.known
    assert values(answer) == expected


@pytest.mark.parametrize(
    "name", ["nobody.default.svc.cluster.local", "web.other.svc.cluster.local", "10-244-1-9.other.pod.cluster.local"]
)
def test_unknown_names_do_not_exist(zone, name):
    answer = zone.answer(name, "A")
    assert answer is not None
    assert (answer.known, answer.records) == (False, [])


@pytest.mark.parametrize("name", ["example.org", "notcluster.local", "1.2.3.4.in-addr.arpa"])
def test_other_zones_are_not_ours(zone, name):
    assert zone.answer(name, "A") is None


def test_a_service_that_goes_takes_its_names_along(zone):
    for key in [("default", "web"), ("default", "db"), ("default", "out")]:
        zone.update(key, None)
    answer = zone.answer("default.svc.cluster.local", "A")
    assert answer is not None
    assert not answer.known
    assert zone.answer("7.0.96.10.in-addr.arpa", "PTR") is None


def test_not_ready_addresses_are_published_where_the_service_says_so():
    zone = Zone()
    everyone = service("db", clusterIP="None", publishNotReadyAddresses=True)
    zone.update(
        ("default", "db"), everyone, [endpoint_slice({"addresses": ["10.244.1.3"], "conditions": {"ready": False}})]
    )
    answer = zone.answer("10-244-1-3.db.default.svc.cluster.local", "A")
    assert answer is not None
    assert answer.records == [("10-244-1-3.db.default.svc.cluster.local", Record("A", "10.244.1.3"))]


@pytest.mark.parametrize(
    "name", ["x.default.pod.cluster.local", "1-2-3.default.pod.cluster.local", "1-2-3-4.pod.cluster.local"]
)
def test_names_that_are_no_pod_address(name):
    assert pod_address(name, "cluster.local") is None


def test_reverse():
    assert reverse("10.96.0.1") == "1.0.96.10.in-addr.arpa"
