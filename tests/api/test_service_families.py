"""Services of two IP families on a real apiserver: what they get, what changes them, what is refused, what is let go."""

import time

import pytest

ADDRESSES = "/apis/networking.k8s.io/v1/ipaddresses"
SERVICES = "/api/v1/namespaces/default/services"


def create(api, name, **spec):
    return api("POST", SERVICES, {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]} | spec})


def change(api, name, **spec):
    """Replace a Service as a client does that read it before."""
    found = api("GET", f"{SERVICES}/{name}").body
    return api("PUT", f"{SERVICES}/{name}", found | {"spec": found["spec"] | spec})


def held(api, addresses):
    """Which of the addresses have an object, and whose it is."""
    found = [api("GET", f"{ADDRESSES}/{address}") for address in addresses]
    return [each.body["spec"]["parentRef"]["name"] if each.code == 200 else None for each in found]


def eventually(check):
    deadline = time.monotonic() + 30
    while not (found := check()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return found


@pytest.fixture
def dual(own_apiserver):
    return own_apiserver("--service-cluster-ip-range=10.210.0.0/24,fd00:10:210::/112").start()


def shape(made):
    """A Service's policy, families, and the families of its addresses."""
    assert made.code in (200, 201), made.body
    spec = made.body["spec"]
    addresses = [each if each == "None" else ("IPv6" if ":" in each else "IPv4") for each in spec["clusterIPs"]]
    assert spec["clusterIP"] == spec["clusterIPs"][0]
    return spec["ipFamilyPolicy"], spec["ipFamilies"], addresses


def test_services_of_two_families(dual):
    both = ["IPv4", "IPv6"]
    cases = {
        "plain": ({}, ("SingleStack", ["IPv4"], ["IPv4"])),
        "six": ({"ipFamilies": ["IPv6"]}, ("SingleStack", ["IPv6"], ["IPv6"])),
        "prefer": ({"ipFamilyPolicy": "PreferDualStack"}, ("PreferDualStack", both, both)),
        "require": (
            {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": both[::-1]},
            ("RequireDualStack", both[::-1], both[::-1]),
        ),
        "given": (
            {"ipFamilyPolicy": "PreferDualStack", "clusterIP": "fd00:10:210::77"},
            ("PreferDualStack", both[::-1], both[::-1]),
        ),
        "alone": ({"clusterIP": "None"}, ("RequireDualStack", both, ["None"])),
        "headless": ({"clusterIP": "None", "selector": {"a": "b"}}, ("SingleStack", ["IPv4"], ["None"])),
    }
    for name, (spec, expected) in cases.items():
        assert shape(create(dual, name, **spec)) == expected, name
    external = dual("POST", SERVICES, {
        "metadata": {"name": "external"}, "spec": {"type": "ExternalName", "externalName": "example.org"},
    })  # fmt: skip
    assert external.code == 201
    assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} & set(external.body["spec"])
    ranges = dual("GET", "/apis/networking.k8s.io/v1/servicecidrs/kubernetes").body
    assert ranges["spec"]["cidrs"] == ["10.210.0.0/24", "fd00:10:210::/112"]

    # both addresses have objects, are made again when somebody deletes them, and go with the Service
    addresses = dual("GET", f"{SERVICES}/prefer").body["spec"]["clusterIPs"]
    assert held(dual, addresses) == ["prefer", "prefer"]
    labels = dual("GET", f"{ADDRESSES}/{addresses[1]}").body["metadata"]["labels"]
    assert labels["ipaddress.kubernetes.io/ip-family"] == "IPv6"
    before = dual("GET", f"{ADDRESSES}/{addresses[1]}").body["metadata"]["uid"]
    dual("DELETE", f"{ADDRESSES}/{addresses[1]}")

    def again():
        found = dual("GET", f"{ADDRESSES}/{addresses[1]}")
        return found.code == 200 and found.body["metadata"]["uid"] != before

    eventually(again)
    dual("DELETE", f"{SERVICES}/prefer")
    assert held(dual, addresses) == [None, None]


def test_a_service_gets_a_second_family_and_lets_go_of_it(dual):
    first = create(dual, "s").body["spec"]["clusterIP"]
    grown = change(dual, "s", ipFamilyPolicy="PreferDualStack")
    assert shape(grown) == ("PreferDualStack", ["IPv4", "IPv6"], ["IPv4", "IPv6"])
    first_again, second = grown.body["spec"]["clusterIPs"]
    assert first_again == first
    assert held(dual, [first, second]) == ["s", "s"]
    refused = [
        change(dual, "s", ipFamilies=["IPv6", "IPv4"]),
        change(dual, "s", clusterIPs=[first, "fd00:10:210::99"]),
        change(dual, "s", clusterIPs=[first], ipFamilies=["IPv4"]),
    ]
    assert [each.code for each in refused] == [422] * 3
    assert "spec.ipFamilies[0]: Invalid value" in refused[0].body["message"]
    assert "may not change once set" in refused[0].body["message"]
    assert "may not change once set" in refused[1].body["message"]
    assert "must be set to 'SingleStack' when releasing the secondary clusterIP" in refused[2].body["message"]
    assert held(dual, [first, second, "fd00:10:210::99"]) == ["s", "s", None]
    assert shape(change(dual, "s", ipFamilyPolicy="SingleStack")) == ("SingleStack", ["IPv4"], ["IPv4"])
    assert held(dual, [first, second]) == ["s", None]
    # what was let go of is there for others
    assert create(dual, "t", clusterIP=second).code == 201


def test_a_cluster_of_one_family_refuses_the_other(api, namespace):
    path = f"/api/v1/namespaces/{namespace}/services"

    def tried(**spec):
        made = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]} | spec}
        return api("POST", f"{path}?dryRun=All", made)

    for spec, message in (
        (
            {"ipFamilyPolicy": "RequireDualStack"},
            'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": '
            "this cluster is not configured for dual-stack services",
        ),
        ({"ipFamilies": ["IPv6"]}, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'),
        (
            {"clusterIP": "fd00::1"},
            'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
        ),
    ):
        refused = tried(**spec)
        assert refused.code == 422
        assert message in refused.body["message"]
    assert shape(tried(ipFamilyPolicy="PreferDualStack")) == ("PreferDualStack", ["IPv4"], ["IPv4"])
