"""The kubelet's API: who may use it, its paths, and its errors."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kubern.base.clock import FakeClock
from kubern.base.errors import BadRequest
from kubern.diagnostics.access import Access
from kubern.http.contract import Peer, Request, Response, Stream
from kubern.http.relay import Streams
from kubern.kubelet.runtime.contract import RuntimeFailure
from kubern.kubelet.server.api import KubeletApi, log_options
from kubern.kubelet.server.contract import ContainerLog, ExecResult
from kubern.kubelet.server.streaming import parse_query, ports_of, streams_of

POD = {
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "default", "uid": "u1"},
    "spec": {"containers": [{"name": "c"}], "initContainers": [{"name": "i"}]},
}
LINE = b"2026-01-01T00:00:01.000000000Z stdout F hello\n"


class Node:
    """A kubelet with one pod, whose runtime is down."""

    name = "n"

    def __init__(self, folder):
        self.log = folder / "0.log"
        self.asked = []

    def pods(self):
        return [POD]

    def pod(self, namespace, name):
        return POD if (namespace, name) == ("default", "p") else None

    async def running_pods(self):
        return []

    def container_log(self, pod, container, previous):
        if previous:
            raise BadRequest(f'previous terminated container "{container}" in pod "p" not found')
        return ContainerLog(self.log, "id")

    async def is_running(self, container_id):
        return False

    async def exec_url(self, pod, container, command, streams):
        self.asked.append((container, command, streams))
        raise RuntimeFailure("UNKNOWN", "container is in CONTAINER_EXITED state")

    async def port_forward_url(self, pod, ports):
        self.asked.append(ports)
        return "http://127.0.0.1:1/portforward/token"

    async def exec_sync(self, pod, container, command):
        return ExecResult(0, " ".join(command).encode(), b"")

    async def stats_summary(self):
        return {"node": {"nodeName": "n"}}

    def configz(self):
        return {"kubeletconfig": {"port": 1}}

    def metrics(self):
        return b"# metrics\n"


def certificate(name, group=""):
    """A self-signed certificate, DER: here TLS has verified it already."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]
    if group:
        names.append(x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, group))
    now, subject = datetime.now(UTC), x509.Name(names)
    built = x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now + timedelta(days=1))
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


APISERVER = Peer("", certificate("kube-apiserver-kubelet-client"), None, {})
UPGRADE = {"connection": "Upgrade", "upgrade": "SPDY/3.1"}


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path)
    node.log.write_bytes(LINE)
    return node


@pytest.fixture
def ask(node):
    api = KubeletApi(node, FakeClock())

    async def call(path, method="GET", peer=APISERVER, headers=None):
        path, _, query = path.partition("?")
        return await api(Request(method, path, query, headers or {}, b"", peer))

    return call


@pytest.mark.parametrize(
    ("peer", "status"),
    [
        (Peer(), 401),
        (Peer("", certificate("jane"), None, {}), 403),
        (Peer("", certificate("root", "system:masters")), 200),
        (APISERVER, 200),
    ],
    ids=["nobody", "somebody", "administrator", "apiserver"],
)
async def test_who_may_use_it(ask, peer, status):
    assert (await ask("/pods", peer=peer)).status == status


class Reviewer:
    """Knows jane's token, and that she may see metrics and pods."""

    async def create(self, gvr, obj):
        spec = obj["spec"]
        if gvr.plural == "tokenreviews":
            return {"status": {"authenticated": spec["token"] == "good", "user": {"username": "jane"}}}
        asked = spec["resourceAttributes"]
        good = (spec["user"], asked["verb"], asked["resource"], asked["name"]) == ("jane", "get", "nodes", "n")
        return {"status": {"allowed": good and asked["subresource"] in ("metrics", "pods")}}


@pytest.mark.parametrize(
    ("path", "token", "method", "status"),
    [
        ("/metrics", "good", "GET", 200),
        ("/metrics/resource", "good", "GET", 200),
        ("/pods", "good", "GET", 200),
        ("/metrics", "bad", "GET", 401),
        ("/metrics", "", "GET", 401),
        ("/configz", "good", "GET", 403),
        ("/run/default/p/c?cmd=ls", "good", "POST", 403),
    ],
)
async def test_whom_the_apiserver_knows_may_what_it_says(node, path, token, method, status):
    clock, client = FakeClock(), Reviewer()
    api = KubeletApi(node, clock, Access(clock, client, client))
    path, _, query = path.partition("?")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = await api(Request(method, path, query, headers, b"", Peer("10.0.0.9", memo={})))
    assert answer.status == status
    if status == 403:
        said = {"/configz": "configz proxy"}.get(path, "proxy")
        assert answer.body.decode().endswith(f"resource=nodes, subresource(s)=[{said}])")


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/healthz", 200, "ok"),
        ("/metrics", 200, "# metrics\n"),
        ("/configz", 200, '{"kubeletconfig":{"port":1}}'),
        ("/stats/summary", 200, '{"node":{"nodeName":"n"}}'),
        ("/nothing", 404, "404 page not found"),
        ("/containerLogs/default/q/c", 404, 'pod "q" not found'),
        ("/containerLogs/default/p/x", 404, 'container "x" not found in pod "p"'),
        ("/containerLogs/default/p", 400, "Missing containerName."),
        ("/containerLogs/default/p/c?previous=true", 400, 'previous terminated container "c" in pod "p" not found'),
        ("/containerLogs/default/p/c?tailLines=x", 400, 'Unable to decode query: tailLines: "x" is not a number'),
        ("/exec/default/p/c?output=1", 400, "unable to upgrade: missing upgrade headers in request"),
        ("/portForward/default/p", 400, "unable to upgrade: missing upgrade headers in request"),
    ],
)
async def test_answers(ask, path, status, text):
    answer = await ask(path)
    assert (answer.status, answer.body.decode()) == (status, text)


async def test_pods_are_a_list(ask):
    answer = await ask("/pods")
    body = orjson.loads(answer.body)
    assert (body["kind"], body["items"][0]["metadata"]["name"]) == ("PodList", "p")


async def test_writing_is_not_allowed(ask):
    assert (await ask("/pods", "DELETE")).status == 405


async def test_run_runs_to_the_end(ask):
    assert (await ask("/run/default/p/c?cmd=echo+a", "POST")).body == b"echo a"


class Writer:
    """Keeps what a stream writes."""

    def __init__(self):
        self.data, self.closed_event = b"", asyncio.Event()
        self.closed, self.buffered = False, 0

    def write(self, data):
        self.data += data

    def close(self):
        self.closed_event.set()

    async def drain(self):
        pass


async def test_logs_are_streamed(ask):
    answer = await ask("/containerLogs/default/p/c")
    assert isinstance(answer, Stream)
    writer = Writer()
    answer.start(writer)
    await asyncio.wait_for(writer.closed_event.wait(), 5)
    assert writer.data == b"hello\n"


async def test_a_log_that_is_gone(ask, node):
    node.log.unlink()
    answer = await ask("/containerLogs/default/p/c")
    assert isinstance(answer, Response)
    assert (answer.status, b"failed to open log file" in answer.body) == (404, True)


async def test_exec_tells_what_the_runtime_says(ask, node):
    path = "/exec/default/p/u1/i?command=sh&command=-c&command=&input=1&output=1&error=1&tty=1"
    answer = await ask(path, "POST", headers=UPGRADE)
    assert (answer.status, answer.body) == (500, b"container is in CONTAINER_EXITED state")
    assert node.asked == [("i", ["sh", "-c", ""], Streams(stdin=True, stdout=True, tty=True))]


async def test_exec_in_a_pod_of_another_uid(ask):
    assert (await ask("/exec/default/p/u2/c?output=1", headers=UPGRADE)).status == 404


async def test_port_forward_to_a_runtime_that_is_down(ask, node):
    answer = await ask("/portForward/default/p?port=80,81&port=82", headers=UPGRADE)
    assert (answer.status, b"error dialing backend" in answer.body) == (500, True)
    assert node.asked == [[80, 81, 82]]


@pytest.mark.parametrize("query", ["", "tty=1", "input=0&output=false"])
def test_an_exec_without_streams_is_refused(query):
    with pytest.raises(BadRequest, match="at least 1 of stdin, stdout, stderr"):
        streams_of(parse_query(query))


@pytest.mark.parametrize("query", ["port=x", "port=0", "port=65536", "port=-1"])
def test_ports_that_are_none(query):
    with pytest.raises(BadRequest):
        ports_of(parse_query(query))


def test_log_options():
    options = log_options(
        parse_query("follow=true&tailLines=3&limitBytes=9&sinceSeconds=60&timestamps=1&stream=Stderr"), FakeClock()
    )
    assert options == (True, 3, 9, datetime(2025, 12, 31, 23, 59, tzinfo=UTC), True, "Stderr")
    assert log_options(parse_query("sinceTime=2026-01-01T00:00:00Z"), FakeClock()).since == datetime(
        2026, 1, 1, tzinfo=UTC
    )
    for bad in ("sinceTime=yesterday", "stream=both", "limitBytes=-1"):
        with pytest.raises(BadRequest):
            log_options(parse_query(bad), FakeClock())
