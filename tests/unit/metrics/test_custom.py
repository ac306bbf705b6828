"""Custom metrics: what a pod's own `/metrics` says, as gauges and rates, of pods and of Services."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from kubern.base.clock import FakeClock
from kubern.base.errors import BadRequest, NotFound
from kubern.client.contract import ListResult
from kubern.http.contract import Peer, Request
from kubern.metrics.custom import CustomMetrics
from kubern.metrics.series import Look, Value, rate_name, read, values

TEXT = """# TYPE http_requests_total counter
http_requests_total{code="200",path="/"} %d
http_requests_total{code="500",path="/"} 7
# TYPE queue gauge
queue 3
# TYPE took histogram
took_bucket{le="1"} 9
took_sum 4
took_count 2
"""
ROOT = "/apis/custom.metrics.k8s.io/v1beta2"


def test_counters_become_rates_and_gauges_stay():
    before, last = read(TEXT % 100, 1000), read(TEXT % 130, 1015)
    assert values(before, last) == {
        "http_requests_per_second": Value(2.0, 1015, 15),
        "queue": Value(3, 1015, 0),
        "took_sum_per_second": Value(0, 1015, 15),
        "took_count_per_second": Value(0, 1015, 15),
    }
    assert set(values(None, last)) == {"queue"}
    assert rate_name("x_total") == "x_per_second"


def test_a_counter_that_went_back_says_nothing():
    before = Look(0, {}, {("a_total", frozenset()): 5.0})
    assert values(before, Look(15, {}, {("a_total", frozenset()): 1.0})) == {}


@pytest.mark.parametrize(("selector", "rate"), [("code=200", 2.0), ("code!=200", 0.0), ("code=200,path==/", 2.0)])
def test_a_selector_chooses_among_the_series(selector, rate):
    before, last = read(TEXT % 100, 1000), read(TEXT % 130, 1015)
    assert values(before, last, selector)["http_requests_per_second"].value == rate


def test_another_selector_is_refused():
    with pytest.raises(BadRequest):
        values(None, read(TEXT % 1, 0), "code in (200)")


def pod(name, **more):
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"} | more
    return {
        "metadata": {"name": name, "namespace": "ns", "annotations": annotations},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": "Running", "podIP": "10.0.0.1"},
    }


class Cluster:
    """Pods that answer, and a Service before them."""

    def __init__(self):
        self.count = 100
        self.asked = []
        self.pods = [pod("a"), pod("b"), pod("c", **{"prometheus.io/scrape": "false"})]
        self.transport = self

    async def stream(self, path, *, query=None, accept=""):
        self.asked.append(path)
        if "/b:" in path:
            raise NotFound("away")
        for line in (TEXT % self.count).encode().splitlines():
            yield line

    async def list(self, gvr, namespace="", **options):
        return ListResult(self.pods, "1")

    async def get(self, gvr, name, namespace=""):
        return {"spec": {"selector": {"app": "web"}}}


@pytest.fixture
async def metrics():
    cluster, clock = Cluster(), FakeClock()
    made = CustomMetrics(cluster, clock, lambda: cluster.pods)
    await made.scrape()
    await clock.advance(15)
    cluster.count += 45
    await made.scrape()
    made.cluster = cluster
    return made


async def ask(metrics, path, query=""):
    answer = await metrics.handle(Request("GET", ROOT + path, query, {}, b"", Peer()))
    return answer.status, orjson.loads(answer.body)


async def test_pods_are_asked_through_the_apiserver(metrics):
    assert sorted(set(metrics.cluster.asked)) == [
        "/api/v1/namespaces/ns/pods/a:8080/proxy/metrics", "/api/v1/namespaces/ns/pods/b:8080/proxy/metrics",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/namespaces/ns/pods/*/http_requests_per_second", "/namespaces/ns/pods/a/http_requests_per_second"]
)
async def test_the_metric_of_pods(metrics, path):
    status, answer = await ask(metrics, path, "labelSelector=app%3Dweb")
    assert status == 200
    assert answer["kind"] == "MetricValueList"
    assert answer["items"] == [{
        "describedObject": {"kind": "Pod", "namespace": "ns", "name": "a", "apiVersion": "/v1"},
        "metric": {"name": "http_requests_per_second", "selector": None},
        "timestamp": "2026-01-01T00:00:15Z", "windowSeconds": 15, "value": "3",
    }]  # fmt: skip


async def test_the_metric_of_a_service_is_the_sum_over_its_pods(metrics):
    status, answer = await ask(metrics, "/namespaces/ns/services/web/queue")
    assert status == 200
    assert answer["items"][0]["value"] == "3"
    assert answer["items"][0]["describedObject"]["kind"] == "Service"


@pytest.mark.parametrize("path", ["/namespaces/ns/pods/a/nothing", "/namespaces/ns/services/web/nothing", "/nodes/n/x"])
async def test_what_is_not_there_is_404(metrics, path):
    assert (await ask(metrics, path))[0] == 404


async def test_discovery_names_the_metrics(metrics):
    names = [r["name"] for r in (await ask(metrics, ""))[1]["resources"]]
    assert "pods/http_requests_per_second" in names
    assert "services/queue" in names


async def test_a_pod_that_has_gone_is_forgotten(metrics):
    metrics.cluster.pods.clear()
    await metrics.scrape()
    assert (await ask(metrics, "/namespaces/ns/pods/a/queue"))[0] == 404


class Villains(Cluster):
    """Pods of which each is out for harm in its way, and one that is not."""

    def __init__(self):
        super().__init__()
        self.pods = [pod(name) for name in ("silent", "drips", "floods", "breaks", "odd", "a")]

    async def stream(self, path, *, query=None, accept=""):
        if "/silent:" in path:
            await asyncio.Event().wait()
        while "/drips:" in path or "/floods:" in path:
            await asyncio.sleep(0.01 if "/drips:" in path else 0)
            yield b"x" * (1 if "/drips:" in path else 1 << 20)
        if "/breaks:" in path:
            raise ValueError("nobody has thought of this")
        if "/odd:" in path:
            for value in (b"NaN", b"+Inf", b"-Inf", b"1e300", b"-1e17", b"1_0x", b"1 " + b"9" * 5000):
                yield b"queue " + value
            for number in range(9000):
                yield b'many{n="%d"} 1' % number
            for long in (
                b"{" + b" " * 300_000,
                b"{" + b"b" * 300_000,
                b"{" + b'b="",' * 60_000,
                b'{b="' + b'\\"' * 150_000,
            ):
                yield b"long" + long + b"} 1"
        for line in (TEXT % self.count).encode().splitlines():
            yield line


async def test_no_pod_keeps_the_others_metrics_away():
    cluster = Villains()
    made = CustomMetrics(cluster, FakeClock(), lambda: cluster.pods, patience=0.3)
    for _ in range(2):
        async with asyncio.timeout(60):
            await made.scrape()
    status, found = await ask(made, "/namespaces/ns/pods/a/queue")
    assert (status, found["items"][0]["value"]) == (200, "3")
    status, found = await ask(made, "/namespaces/ns/pods/odd/many")
    assert (status, found["items"][0]["value"]) == (200, "5k")
    for name in ("silent", "drips", "floods", "breaks", "odd"):
        assert (await ask(made, f"/namespaces/ns/pods/{name}/queue"))[0] == 404


async def test_a_path_stays_a_path():
    cluster = Cluster()
    cluster.pods = [pod("a", **{"prometheus.io/path": "/m x\r\nEvil: 1?a#b"})]
    await CustomMetrics(cluster, FakeClock(), lambda: cluster.pods).scrape()
    assert cluster.asked == ["/api/v1/namespaces/ns/pods/a:8080/proxy/m%20x%0D%0AEvil:%201%3Fa%23b"]
