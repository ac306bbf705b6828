"""Service addresses on a real apiserver: their objects, further ranges, what repairs itself, a restart."""

import asyncio
import subprocess
import sys
import time

import pytest

NET = "/apis/networking.k8s.io/v1"
SERVICES = "/api/v1/namespaces/default/services"


def eventually(check):
    deadline = time.monotonic() + 30
    while not (found := check()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return found


def service(api, name, **spec):
    return api("POST", SERVICES, {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]} | spec})


@pytest.fixture
def small(own_apiserver):
    """An apiserver with room for two Services beside `kubernetes`, and its controllers."""
    made = own_apiserver("--service-cluster-ip-range=10.200.0.0/29")
    return made, made.start()


@pytest.fixture
def controllers(small, tmp_path):
    _, api = small
    command = [
        sys.executable, "-m", "kubern", "controller-manager", "--kubeconfig", str(api.kubeconfig), "--no-leader-elect",
        "--secure-port=0",
        "--controllers", "service-cidr-controller",
    ]  # fmt: skip
    with (tmp_path / "controllers").open("w") as log:
        process = subprocess.Popen(command, stderr=log)
    yield
    process.terminate()
    assert process.wait(20) == 0


def test_each_service_address_is_an_object(api, namespace):
    path = f"/api/v1/namespaces/{namespace}/services"
    made = api("POST", path, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}).body
    address = made["spec"]["clusterIP"]
    found = api("GET", f"{NET}/ipaddresses/{address}").body
    assert found["spec"]["parentRef"] == {"group": "", "resource": "services", "namespace": namespace, "name": "s"}
    assert found["metadata"]["labels"] == {
        "ipaddress.kubernetes.io/ip-family": "IPv4", "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
    }  # fmt: skip
    dry = {"metadata": {"name": "dry"}, "spec": {"ports": [{"port": 80}]}}
    tried = api("POST", f"{path}?dryRun=All", dry).body["spec"]["clusterIP"]
    assert api("GET", f"{NET}/ipaddresses/{tried}").code == 404
    again = {"metadata": {"name": "t"}, "spec": {"clusterIP": address, "ports": [{"port": 80}]}}
    refused = api("POST", path, again)
    assert refused.code == 422
    assert f"failed to allocate IP {address}: provided IP is already allocated" in refused.body["message"]
    api("DELETE", f"{path}/s")
    assert api("GET", f"{NET}/ipaddresses/{address}").code == 404
    assert api("POST", path, again).code == 201


def test_an_address_that_somebody_took_is_not_given_out(api, namespace):
    path = f"/api/v1/namespaces/{namespace}/services"
    parent = {"group": "gateway.example.com", "resource": "gateways", "name": "g"}
    held = {"metadata": {"name": "10.96.200.7"}, "spec": {"parentRef": parent}}
    assert api("POST", f"{NET}/ipaddresses", held).code == 201
    asked = {"metadata": {"name": "s"}, "spec": {"clusterIP": "10.96.200.7", "ports": [{"port": 80}]}}
    assert api("POST", path, asked).code == 422
    api("DELETE", f"{NET}/ipaddresses/10.96.200.7")
    assert api("POST", path, asked).code == 201


def test_a_deleted_address_of_a_service_comes_back(api, namespace):
    path = f"/api/v1/namespaces/{namespace}/services"
    made = api("POST", path, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}).body
    address = made["spec"]["clusterIP"]
    before = api("GET", f"{NET}/ipaddresses/{address}").body["metadata"]["uid"]
    assert api("DELETE", f"{NET}/ipaddresses/{address}").code == 200
    eventually(lambda: api("GET", f"{NET}/ipaddresses/{address}").code == 200)
    assert api("GET", f"{NET}/ipaddresses/{address}").body["metadata"]["uid"] != before
    events = eventually(lambda: api("GET", f"/api/v1/namespaces/{namespace}/events").body["items"])
    assert [(e["involvedObject"]["name"], e["reason"], e["message"]) for e in events] == [
        ("s", "ClusterIPNotAllocated", f"Cluster IP [IPv4]: {address} is not allocated; repairing")
    ]


def test_the_default_range_is_ready(api):
    found = api("GET", f"{NET}/servicecidrs/kubernetes").body
    assert found["spec"]["cidrs"] == ["10.96.0.0/16"]
    assert [(c["type"], c["status"]) for c in found["status"]["conditions"]] == [("Ready", "True")]


def test_a_full_cluster_gets_room_by_another_range(small, controllers):
    _, api = small
    made = [service(api, f"s{number}") for number in range(6)]
    assert [each.code for each in made] == [201] * 5 + [500]
    assert "range is full" in made[5].body["message"]
    more = {"metadata": {"name": "more"}, "spec": {"cidrs": ["10.201.0.0/28"]}}
    assert api("POST", f"{NET}/servicecidrs", more).code == 201
    got = service(api, "roomy")
    assert got.code == 201, got.body
    assert got.body["spec"]["clusterIP"].startswith("10.201.0.")
    eventually(lambda: api("GET", f"{NET}/servicecidrs/more").body["metadata"].get("finalizers"))
    assert api("DELETE", f"{NET}/servicecidrs/more").code == 200
    waiting = eventually(
        lambda: [
            c
            for c in api("GET", f"{NET}/servicecidrs/more").body["status"]["conditions"]
            if c["reason"] == "Terminating"
        ]
    )
    assert waiting[0]["status"] == "False"
    assert service(api, "no-room").code == 500
    assert api("DELETE", f"{SERVICES}/roomy").code == 200
    eventually(lambda: api("GET", f"{NET}/servicecidrs/more").code == 404)


def test_a_restart_finds_what_is_taken(small):
    server, api = small
    address = service(api, "s").body["spec"]["clusterIP"]
    server.kill()
    api = server.start()
    refused = service(api, "t", clusterIP=address)
    assert refused.code == 422
    assert "already allocated" in refused.body["message"]
    assert api("GET", f"{NET}/ipaddresses/{address}").code == 200


async def test_two_servers_on_one_store_give_no_address_or_port_out_twice(tmp_path):
    from kubern.api.resources import load
    from kubern.apiserver.config import Config
    from kubern.apiserver.identity import AUTHENTICATED, MASTERS, User
    from kubern.apiserver.server import ApiServer
    from kubern.base.clock import SystemClock
    from kubern.client.client import ApiClient
    from kubern.client.contract import GVR
    from kubern.client.transport_inprocess import InProcessTransport
    from kubern.http.contract import Peer
    from kubern.store.embedded import EmbeddedStore

    clock = SystemClock()
    store = await EmbeddedStore.open(tmp_path / "store", clock=clock)
    config = Config(
        authorization_mode=("AlwaysAllow",),
        service_cluster_ip_range="10.202.0.0/27",
        service_node_port_range=(30000, 30028),
    )
    servers = [ApiServer(store, load(), config, clock) for _ in range(2)]
    peer = Peer(user=User("admin", (MASTERS, AUTHENTICATED)), memo={})
    try:
        clients = []
        for server in servers:
            await server.start()
            clients.append(ApiClient(InProcessTransport(server.handler, peer)))

        async def make(number):
            body = {"metadata": {"name": f"s{number}"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
            made = await clients[number % 2].create(GVR("", "v1", "services"), body, "default")
            return made["spec"]["clusterIP"], made["spec"]["ports"][0]["nodePort"]

        given = await asyncio.gather(*(make(number) for number in range(29)))
        assert len({address for address, _ in given}) == len({port for _, port in given}) == 29
        # what one has freed the other can give out again
        await clients[0].delete(GVR("", "v1", "services"), "s1", "default")
        assert await make(31) == given[1]
    finally:
        for server in servers:
            await server.close()
        await store.close()
