"""Custom and external metrics out of a real Prometheus server, and an autoscaler that follows one."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kubern.base.clock import SystemClock
from kubern.base.errors import NotFound, ServiceUnavailable, StatusError
from kubern.controllers import resources as r
from kubern.controllers.autoscaling.model import Settings
from kubern.controllers.cache import Options
from kubern.metrics import custom, external
from kubern.metrics.custom import CustomMetrics
from kubern.metrics.external import ExternalMetrics
from kubern.metrics.prometheus import Prometheus
from kubern.metrics.registration import register
from tests import prometheus
from tests.api.test_controllers import Cluster, started

EXTERNAL, CUSTOM = "/apis/external.metrics.k8s.io/v1beta1", "/apis/custom.metrics.k8s.io/v1beta2"
HPAS = r.GVR("autoscaling", "v2", "horizontalpodautoscalers")


class Told:
    """What the exporter tells when it is asked."""

    def __init__(self) -> None:
        self.queue = 40
        self.asked = 0

    def text(self) -> str:
        self.asked += 1
        return f"""# TYPE queue_length gauge
queue_length{{queue="orders",app_kubernetes_io_name="shop"}} {self.queue}
queue_length{{queue="mails"}} 7.5
# TYPE requests_total counter
requests_total{{namespace="default",pod="p1",service="web"}} {self.asked * 10}
requests_total{{namespace="default",pod="p2",service="web"}} {self.asked * 20}
# TYPE sessions gauge
sessions{{namespace="default",pod="p1",service="web"}} 3
sessions{{namespace="default",pod="p2",service="web"}} 4
sessions{{namespace="other",pod="p1",service="web"}} 100
"""


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def exporter(told: Told) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = told.text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prometheus.binary(tmp_path_factory.mktemp("prometheus"))


@pytest.fixture
async def cluster(program: Path, exporter: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    """A cluster whose metrics come from a Prometheus server that asks the exporter."""
    own = tmp_path / "prometheus"
    own.mkdir()
    scaling = Settings(sync_period=0.2, downscale_stabilization=0.0)
    with prometheus.running(program, own, exporter) as url:
        asked = Prometheus(url, SystemClock())
        async with started(tmp_path, Options(root_ca="PEM", autoscaling=scaling)) as made:
            outside = ExternalMetrics(made.client, SystemClock(), asked)
            inside = CustomMetrics(made.client, SystemClock(), list, asked)
            made.extensions.attach("kube-system", external.SERVICE, outside.handle)
            made.extensions.attach("kube-system", custom.SERVICE, inside.handle)
            await register(made.client, external.APISERVICE)
            await register(made.client, custom.APISERVICE)
            while "queue_length" not in await asked.names():
                await SystemClock().sleep(0.1)  # the exporter has not been asked yet
            await outside.look()
            yield made
        await asked.close()


async def soon(cluster: Cluster, path: str) -> list[dict[str, Any]]:
    """Return a metric's items once there are some."""
    while True:
        try:
            items = (await cluster.client.raw(path))["items"]
        except (NotFound, ServiceUnavailable):
            items = []  # not scraped yet, or the server is not announced yet
        if items:
            return list(items)
        await SystemClock().sleep(0.1)


async def test_an_autoscaler_follows_what_is_outside_the_cluster(cluster: Cluster, told: Told) -> None:
    labels = {"app": "worker"}
    container = {"name": "c", "image": "registry.example/c:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    await cluster.client.create(r.DEPLOYMENTS, {"metadata": {"name": "worker"}, "spec": spec}, "default")
    metric = {"name": "queue_length", "selector": {"matchLabels": {"queue": "orders"}}}
    at_once = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 9, "periodSeconds": 1}]}
    scaler = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"},
        "minReplicas": 1,
        "maxReplicas": 9,
        "metrics": [
            {
                "type": "External",
                "external": {"metric": metric, "target": {"type": "AverageValue", "averageValue": "10"}},
            }
        ],
        "behavior": {"scaleUp": at_once, "scaleDown": at_once},
    }
    await cluster.client.create(HPAS, {"metadata": {"name": "worker"}, "spec": scaler}, "default")

    def replicas() -> int:
        found = cluster.get(r.DEPLOYMENTS, "worker") or {}
        return int(found.get("status", {}).get("readyReplicas", 0))

    await cluster.until(lambda: replicas() == 4)
    told.queue = 5
    await cluster.until(lambda: replicas() == 1)


async def test_external_metrics_are_series_and_custom_ones_sums_for_pods_and_services(cluster: Cluster) -> None:
    found = await soon(cluster, f"{EXTERNAL}/namespaces/default/queue_length")
    assert {(item["metricLabels"]["queue"], item["value"]) for item in found} == {("orders", "40"), ("mails", "7500m")}
    for selector, queues in (
        ("queue%20in%20(orders,none)", ["orders"]),
        ("queue!%3Dorders", ["mails"]),
        ("app.kubernetes.io/name%3Dshop", ["orders"]),
        ("!app.kubernetes.io/name", ["mails"]),
        ("queue%3Dno%22%7D", []),
    ):
        path = f"{EXTERNAL}/namespaces/default/queue_length?labelSelector={selector}"
        items = (await cluster.client.raw(path))["items"]
        assert [item["metricLabels"]["queue"] for item in items] == queues, selector
    with pytest.raises(StatusError) as refused:
        await cluster.client.raw(f"{EXTERNAL}/namespaces/default/sum(up)")
    assert refused.value.code == 400
    listed = await cluster.client.raw(EXTERNAL)
    assert {"queue_length", "requests_per_second"} <= {each["name"] for each in listed["resources"]}

    await _custom_metrics(cluster)


async def _custom_metrics(cluster: Cluster) -> None:
    (one,) = await soon(cluster, f"{CUSTOM}/namespaces/default/pods/p1/sessions")
    assert (one["describedObject"]["name"], one["value"]) == ("p1", "3")
    selected = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    await cluster.client.create(r.SERVICES, {"metadata": {"name": "web"}, "spec": selected}, "default")
    (whole,) = await soon(cluster, f"{CUSTOM}/namespaces/default/services/web/sessions")
    assert whole["value"] == "7"
    (rate,) = await soon(cluster, f"{CUSTOM}/namespaces/default/services/web/requests_per_second")
    assert rate["windowSeconds"] == 120
    with pytest.raises(NotFound, match="could not find the metric none for pods p1"):
        await cluster.client.raw(f"{CUSTOM}/namespaces/default/pods/p1/none")
