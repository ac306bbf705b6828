"""EndpointSlices as the controller makes them on a real apiserver of two IP families, with nodes in two zones."""

import subprocess
import sys
import time

import pytest

SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
CORE = "/api/v1/namespaces/default"
ZONE = "topology.kubernetes.io/zone"


def eventually(check):
    deadline = time.monotonic() + 30
    while not (found := check()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return found


@pytest.fixture
def dual(own_apiserver, tmp_path):
    """An apiserver with a range of each family, and the controller of EndpointSlices."""
    api = own_apiserver("--service-cluster-ip-range=10.211.0.0/24,fd00:10:211::/112").start()
    command = [
        sys.executable, "-m", "kubern", "controller-manager", "--kubeconfig", str(api.kubeconfig), "--no-leader-elect",
        "--secure-port=0", "--controllers", "endpointslice-controller",
    ]  # fmt: skip
    with (tmp_path / "controllers").open("w") as log:
        process = subprocess.Popen(command, stderr=log)
    yield api
    process.terminate()
    assert process.wait(20) == 0


def make(api, path, made, status):
    """Create an object and give it a status."""
    answer = api("POST", path, made)
    assert answer.code == 201, answer.body
    stored = api("GET", f"{path}/{made['metadata']['name']}").body
    answer = api("PUT", f"{path}/{made['metadata']['name']}/status", stored | {"status": status})
    assert answer.code == 200, answer.body


def test_slices_of_both_families_with_hints_by_zone(dual):
    api = dual
    api("POST", f"{CORE}/serviceaccounts", {"metadata": {"name": "default"}})  # nobody else makes it here
    ready = {"type": "Ready", "status": "True"}
    for name in ("a", "b"):
        node = {"metadata": {"name": name, "labels": {ZONE: name}}}
        make(api, "/api/v1/nodes", node, {"conditions": [ready], "allocatable": {"cpu": "2"}})
    for number in range(2):
        spec = {"nodeName": "ab"[number], "containers": [{"name": "c", "image": "i"}]}
        addresses = [f"10.9.0.{number + 1}", f"fd00:9::{number + 1}"]
        make(
            api, f"{CORE}/pods", {"metadata": {"name": f"p{number}", "labels": {"app": "web"}}, "spec": spec},
            {
                "phase": "Running", "conditions": [ready], "podIP": addresses[0],
                "podIPs": [{"ip": each} for each in addresses],
            },
        )  # fmt: skip
    service = {
        "metadata": {"name": "web", "annotations": {"service.kubernetes.io/topology-mode": "Auto"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}], "ipFamilyPolicy": "RequireDualStack"},
    }
    assert api("POST", f"{CORE}/services", service).code == 201

    def found():
        return {
            (each["addressType"], endpoint["addresses"][0], endpoint["hints"]["forZones"][0]["name"])
            for each in api("GET", SLICES).body["items"]
            for endpoint in each.get("endpoints") or ()
            if each["metadata"]["labels"].get("kubernetes.io/service-name") == "web" and endpoint.get("hints")
        }

    wanted = {
        ("IPv4", "10.9.0.1", "a"), ("IPv4", "10.9.0.2", "b"), ("IPv6", "fd00:9::1", "a"), ("IPv6", "fd00:9::2", "b"),
    }  # fmt: skip
    eventually(lambda: found() == wanted)

    def told(reason):
        return {each["message"] for each in api("GET", f"{CORE}/events").body["items"] if each["reason"] == reason}

    enabled = {f"Topology Aware Hints has been enabled, addressType: {family}" for family in ("IPv4", "IPv6")}
    eventually(lambda: enabled <= told("TopologyAwareHintsEnabled"))
    # back to one family, and not enough endpoints for the zones
    stored = api("GET", f"{CORE}/services/web").body
    stored["spec"]["ipFamilyPolicy"] = "SingleStack"
    assert api("PUT", f"{CORE}/services/web", stored).code == 200
    eventually(lambda: {each[0] for each in found()} == {"IPv4"})
    api("DELETE", f"{CORE}/pods/p1?gracePeriodSeconds=0")
    eventually(lambda: not found())
    text = "Insufficient number of endpoints (1 endpoints, 2 zones), addressType: IPv4"
    eventually(lambda: text in told("TopologyAwareHintsDisabled"))
