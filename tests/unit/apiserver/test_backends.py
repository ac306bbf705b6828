"""Log, exec, port-forward and proxy at the apiserver: parameters, errors in upstream's words, and what kubelets are asked."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from kubern.apiserver.backends import proxying
from kubern.apiserver.backends.access import Backends, chosen_container
from kubern.apiserver.backends.kubelet import pod_attach, pod_exec, pod_log, pod_port_forward
from kubern.apiserver.backends.kubelet_tls import KubeletTls
from kubern.apiserver.backends.parameters import log_parameters, port_parameters, stream_parameters
from kubern.base.errors import BadRequest, InternalError, Invalid, NotFound, ServiceUnavailable, StatusError
from kubern.http.contract import Peer, Request, Response, Stream
from kubern.http.dial import dial_directly
from kubern.http.server import serve

UPGRADE = {"connection": "Upgrade", "upgrade": "SPDY/3.1", "host": "x"}


def pod(*containers, init=(), node="n1"):
    spec = {"containers": [{"name": c} for c in containers], "initContainers": [{"name": i} for i in init]}
    return {
        "metadata": {"name": "web", "namespace": "ns"},
        "spec": spec | ({"nodeName": node} if node else {}),
        "status": {},
    }


def request(path, method="GET", query="", headers=None, body=b""):
    return Request(method, path, query, headers or {"host": "x"}, body, Peer("10.9.9.9"), path)


class Cluster:
    """Objects, and a kubelet (plain HTTP) that answers with `answer` and remembers what it was asked."""

    def __init__(self):
        self.objects = {}
        self.asked = []
        self.answer = Response(200, (), b"ok")
        self.dialled = []

    async def start(self):
        def handler(asked):
            self.asked.append(asked)
            return self.answer

        self.server = await serve(handler, ("127.0.0.1", 0))
        self.objects["nodes", "", "n1"] = {
            "metadata": {"name": "n1"},
            "status": {
                "addresses": [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "127.0.0.1"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": self.server.port}},
            },
        }

    async def dial(self, host, port) -> socket.socket:
        self.dialled.append((host, port))
        return await dial_directly(host, port)

    def find(self, plural, namespace, name):
        return self.objects.get((plural, namespace, name))


@pytest.fixture
async def cluster():
    cluster = Cluster()
    await cluster.start()
    yield cluster
    await cluster.server.close(grace=0)


@pytest.fixture
def backends(cluster):
    return Backends(cluster.find, cluster.dial, lambda verify: None, random.Random(1))


async def written(stream):
    """Run a stream to its end and return what it wrote."""
    data, done = [], asyncio.Event()

    class Writer:
        closed, buffered = False, 0
        write = staticmethod(data.append)
        close = staticmethod(done.set)

        async def drain(self):
            pass

    stream.start(Writer())
    await asyncio.wait_for(done.wait(), 5)
    return b"".join(data)


@pytest.mark.parametrize(
    ("pod", "asked", "message"),
    [
        (pod("a", "b"), "", "a container name must be specified for pod web, choose one of: [a b]"),
        (
            pod("a", "b", init=("i", "j")),
            "",
            "a container name must be specified for pod web, choose one of: [a b] or one of the init containers: [i j]",
        ),
        (pod("a"), "x", "container x is not valid for pod web"),
        (pod(), "", "a container name must be specified for pod web"),
    ],
)
def test_a_container_that_is_not_clear(pod, asked, message):
    with pytest.raises(BadRequest) as refused:
        chosen_container(pod, asked)
    assert refused.value.message == message


def test_a_container_that_is_clear():
    assert chosen_container(pod("a"), "") == "a"
    assert chosen_container(pod("a", "b", init=("i",)), "i") == "i"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"tailLines": ["-1"]}, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ({"limitBytes": ["0"]}, "limitBytes: Invalid value: 0: must be greater than 0"),
        ({"sinceSeconds": ["0"]}, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        (
            {"sinceSeconds": ["1"], "sinceTime": ["2026-01-01T00:00:00Z"]},
            "sinceSeconds: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
        ),
        ({"stream": ["x"]}, 'stream: Unsupported value: "x": supported values: "All", "Stderr", "Stdout"'),
        (
            {"limitBytes": ["0"], "tailLines": ["-1"]},
            "[tailLines: Invalid value: -1: must be greater than or equal to 0, limitBytes: Invalid value: 0: must be greater than 0]",
        ),
    ],
)
def test_log_options_that_are_invalid(query, message):
    with pytest.raises(Invalid) as refused:
        log_parameters(query, "web")
    assert refused.value.message == f'PodLogOptions "web" is invalid: {message}'


@pytest.mark.parametrize(
    "query", [{"tailLines": ["x"]}, {"limitBytes": ["1_0"]}, {"sinceTime": ["then"]}, {"tailLines": ["9" * 30]}]
)
def test_log_options_that_cannot_be_read(query):
    with pytest.raises(BadRequest):
        log_parameters(query, "web")


def test_log_options_for_the_kubelet():
    query = {
        "container": ["c"],
        "follow": ["true"],
        "previous": ["false"],
        "tailLines": ["5"],
        "stream": ["Stdout"][:0],
    }
    assert log_parameters(query, "web") == ("c", "tailLines=5&follow=true", False)


def test_streams_for_the_kubelet():
    query = {"stdin": ["true"], "tty": ["true"], "stderr": ["false"], "command": ["sh", "-c", "a b"]}
    assert stream_parameters(query).query == "input=1&output=1&tty=1&command=sh&command=-c&command=a+b"
    assert port_parameters({"ports": ["80", "81,82"]}) == "port=80&port=81&port=82"


async def test_a_log_is_streamed_from_the_node(cluster, backends):
    cluster.objects["pods", "ns", "web"] = pod("c")
    answer = await pod_log(backends, "ns", "web", {"tailLines": ["5"]})
    assert isinstance(answer, Stream)
    assert await written(answer) == b"ok"
    assert (cluster.asked[0].path, cluster.asked[0].query) == ("/containerLogs/ns/web/c", "tailLines=5")
    assert cluster.dialled == [("127.0.0.1", cluster.server.port)]


async def test_the_log_of_a_pod_without_a_node_is_empty(cluster, backends):
    cluster.objects["pods", "ns", "web"] = pod("c", node="")
    assert (await pod_log(backends, "ns", "web", {})).body == b""


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (Response(400, (), b"waiting to start"), BadRequest, "waiting to start"),
        (Response(500, (), b"broken"), InternalError, "Internal error occurred: broken"),
        (Response(404, (), b"gone"), NotFound, "the server could not find the requested resource ( pods/log web)"),
    ],
)
async def test_a_kubelets_error_becomes_a_status(cluster, backends, answer, error, message):
    cluster.objects["pods", "ns", "web"] = pod("c")
    cluster.answer = answer
    with pytest.raises(error) as raised:
        await pod_log(backends, "ns", "web", {})
    assert raised.value.message == message
    if error is NotFound:
        assert raised.value.status()["details"]["causes"] == [{"reason": "UnexpectedServerResponse", "message": "gone"}]


async def test_a_node_that_cannot_be_reached(cluster, backends):
    cluster.objects["pods", "ns", "web"] = pod("c")
    cluster.objects["nodes", "", "n1"]["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"] = 1
    with pytest.raises(InternalError) as raised:
        await pod_log(backends, "ns", "web", {})
    assert raised.value.message == (
        'Internal error occurred: Get "https://127.0.0.1:1/containerLogs/ns/web/c": '
        "dial tcp 127.0.0.1:1: connect: connection refused"
    )
    with pytest.raises(
        InternalError, match=r"error dialing backend: dial tcp 127\.0\.0\.1:1: connect: connection refused"
    ):
        await pod_exec(backends, request("/", headers=UPGRADE), "ns", "web", {"command": ["a"]})


@pytest.mark.parametrize(
    ("call", "query", "target"),
    [
        (pod_exec, {"command": ["a"], "stdin": ["1"]}, ("/exec/ns/web/c", "input=1&output=1&error=1&command=a")),
        (pod_attach, {"command": ["a"], "tty": ["true"]}, ("/attach/ns/web/c", "output=1&error=1&tty=1")),
        (pod_port_forward, {"ports": ["80"]}, ("/portForward/ns/web", "port=80")),
    ],
    ids=["exec", "attach", "port-forward"],
)
async def test_what_the_kubelet_is_asked(cluster, backends, call, query, target):
    cluster.objects["pods", "ns", "web"] = pod("c")
    cluster.answer = Response(404, (), b"no container")
    answer = await call(backends, request("/", headers=UPGRADE), "ns", "web", query)
    assert (answer.status, answer.body) == (404, b"no container")
    assert (cluster.asked[0].path, cluster.asked[0].query) == target
    assert cluster.asked[0].headers["upgrade"] == "SPDY/3.1"


@pytest.mark.parametrize("call", [pod_exec, pod_attach, pod_port_forward])
async def test_errors_before_a_kubelet_is_asked(cluster, backends, call):
    with pytest.raises(NotFound, match='pods "web" not found'):
        await call(backends, request("/", headers=UPGRADE), "ns", "web", {})
    cluster.objects["pods", "ns", "web"] = pod("c", node="")
    with pytest.raises(BadRequest, match="pod web does not have a host assigned"):
        await call(backends, request("/", headers=UPGRADE), "ns", "web", {})
    cluster.objects["pods", "ns", "web"] = pod("c")
    with pytest.raises(BadRequest, match="Upgrade request required"):
        await call(backends, request("/"), "ns", "web", {})
    assert not cluster.asked


async def test_proxy_passes_request_and_answer_through(cluster, backends):
    cluster.objects["pods", "ns", "web"] = pod("c") | {"status": {"podIPs": [{"ip": "127.0.0.1"}]}}
    cluster.answer = Response(418, (("Location", "/tea?x"), ("Set-Cookie", "a"), ("Set-Cookie", "b")), b"pot")
    address = proxying.pod_address(backends, "ns", f"web:{cluster.server.port}")
    path = "/api/v1/namespaces/ns/pods/web:1/proxy/a%2Fb/"
    headers = {"host": "x", "authorization": "secret", "connection": "x-hop", "x-hop": "1", "x-end": "2"}
    answer = await proxying.proxy(backends, request(path, "POST", "q=1", headers, b"body"), address)
    assert (answer.status, answer.body) == (418, b"pot")
    assert ("location", "/api/v1/namespaces/ns/pods/web:1/proxy/tea?x") in answer.headers
    assert [value for name, value in answer.headers if name == "set-cookie"] == ["a", "b"]
    asked = cluster.asked[0]
    assert (asked.method, asked.raw_path, asked.query, asked.body) == ("POST", "/a%2Fb/", "q=1", b"body")
    assert asked.headers["x-end"] == "2"
    assert asked.headers["x-forwarded-for"] == "10.9.9.9"
    assert not {"authorization", "x-hop"} & set(asked.headers)


async def test_proxy_without_a_path_redirects_to_the_root(cluster, backends):
    address = proxying.node_proxy_address(backends, "n1")
    answer = await proxying.proxy(backends, request("/api/v1/nodes/n1/proxy", query="a=b"), address)
    assert (answer.status, answer.headers) == (301, (("Location", "/api/v1/nodes/n1/proxy/?a=b"),))


def service(cluster, *ports, ready=True):
    cluster.objects["services", "ns", "s"] = {"metadata": {"name": "s"}, "spec": {"ports": list(ports)}}
    addresses = [{"ip": "10.0.0.1"}]
    cluster.objects["endpoints", "ns", "s"] = {
        "subsets": [
            {
                "addresses" if ready else "notReadyAddresses": addresses,
                "ports": [{"name": p.get("name", ""), "port": p["port"] + 8000} for p in ports],
            }
        ]
    }


def test_service_endpoints(cluster, backends):
    service(cluster, {"name": "web", "port": 80}, {"name": "tls", "port": 443})
    assert proxying.service_address(backends, "ns", "s:web")[:2] == ("10.0.0.1", 8080)
    assert proxying.service_address(backends, "ns", "s:80")[:2] == ("10.0.0.1", 8080)
    secure = proxying.service_address(backends, "ns", "https:s:tls")
    assert (secure.port, secure.tls is not None) == (8443, True)
    with pytest.raises(ServiceUnavailable, match='no service port "x" found for service "s"'):
        proxying.service_address(backends, "ns", "s:x")
    service(cluster, {"port": 80})
    assert proxying.service_address(backends, "ns", "s")[:2] == ("10.0.0.1", 8080)
    service(cluster, {"port": 80}, ready=False)
    with pytest.raises(ServiceUnavailable, match='no endpoints available for service "s"'):
        proxying.service_address(backends, "ns", "s")


@pytest.mark.parametrize("id", ["a:b:c:d", "ftp:web:1", "web:0", "web:x", ":1"])
def test_a_pod_address_that_cannot_be_read(cluster, backends, id):
    cluster.objects["pods", "ns", "web"] = pod("c") | {"status": {"podIP": "127.0.0.1"}}
    with pytest.raises(StatusError) as refused:
        proxying.pod_address(backends, "ns", id)
    assert refused.value.code in (400, 404)


def test_a_pods_first_declared_port_is_the_default(cluster, backends):
    web = pod("a", "b") | {"status": {"podIP": "127.0.0.1"}}
    web["spec"]["containers"][1]["ports"] = [{"containerPort": 8080}]
    cluster.objects["pods", "ns", "web"] = web
    assert proxying.pod_address(backends, "ns", "web")[:2] == ("127.0.0.1", 8080)
    web["status"] = {}
    with pytest.raises(BadRequest, match="address not allowed"):
        proxying.pod_address(backends, "ns", "web")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/a", "/p/a"),
        ("http://127.0.0.1:80/a?b", "/p/a?b"),
        ("https://elsewhere/a", "https://elsewhere/a"),
        ("relative", "relative"),
    ],
)
def test_redirects_stay_below_the_proxy(value, expected):
    assert proxying._location(value, proxying.Address("127.0.0.1", 80), "/p") == expected


def test_without_a_ca_kubelets_are_not_verified():
    tls = KubeletTls(None, None, None)
    assert not tls(True).check_hostname
    assert tls(True) is tls(False)
