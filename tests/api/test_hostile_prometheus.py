"""A Prometheus server that is silent or talks nonsense: autoscalers that need it say why they stand still, and all others are served."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import orjson
import pytest

from kubern.base.clock import SystemClock, rfc3339
from kubern.base.json import Obj
from kubern.controllers import resources as r
from kubern.controllers.autoscaling.model import Settings
from kubern.controllers.cache import Options
from kubern.http.contract import Request, Response
from kubern.metrics import custom, external
from kubern.metrics.external import ExternalMetrics
from kubern.metrics.prometheus import Prometheus
from kubern.metrics.registration import register
from tests.api.test_controllers import Cluster, started

HPAS = r.GVR("autoscaling", "v2", "horizontalpodautoscalers")
STUCK = [f"stuck-{number}" for number in range(8)]
"""More than the controller has workers."""


async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    writer.transport.abort()


async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")
    writer.close()


async def steady(_: Request) -> Response:
    """The custom metrics of another server: 40 of everything."""
    item = {
        "describedObject": {"kind": "Service", "namespace": "default", "name": "web", "apiVersion": "/v1"},
        "metric": {"name": "hits", "selector": None},
        "timestamp": rfc3339(SystemClock().now()),
        "value": "40",
    }
    body = {"kind": "MetricValueList", "apiVersion": "custom.metrics.k8s.io/v1beta2", "metadata": {}, "items": [item]}
    return Response(200, (("content-type", "application/json"),), orjson.dumps(body))


def deployment(name: str) -> Obj:
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "registry.example/c:1"}]},
    }
    return {
        "metadata": {"name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }


def autoscaler(name: str, metric: Obj) -> Obj:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    at_once = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 9, "periodSeconds": 1}]}
    spec = {"scaleTargetRef": reference, "maxReplicas": 9, "metrics": [metric], "behavior": {"scaleUp": at_once}}
    return {"metadata": {"name": name}, "spec": spec}


def refused(cluster: Cluster, name: str) -> str:
    """Why an autoscaler stands still."""
    found = cluster.get(HPAS, name) or {}
    for condition in (found.get("status") or {}).get("conditions") or ():
        if (condition["type"], condition["reason"]) == ("ScalingActive", "FailedGetExternalMetric"):
            return str(condition["message"])
    return ""


@pytest.mark.parametrize(
    ("behaves", "said"),
    [
        (silent, ("did not answer within 0.5 s", "was silent for 0.5 s, and is asked again in")),
        (nonsense, ("answered with text/html that is not what it should be",)),
    ],
    ids=["silent", "nonsense"],
)
async def test_who_needs_it_says_why_and_all_others_are_served(tmp_path: Path, behaves, said) -> None:  # type: ignore[no-untyped-def]
    server = await asyncio.start_server(behaves, "127.0.0.1", 0)
    prometheus = Prometheus(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", SystemClock(), patience=0.5)
    scaling = Settings(sync_period=0.2)
    outside = {"type": "External", "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "1"}}}
    described = {"apiVersion": "v1", "kind": "Service", "name": "web"}
    target = {"type": "AverageValue", "averageValue": "10"}
    inside = {"type": "Object", "object": {"metric": {"name": "hits"}, "describedObject": described, "target": target}}
    try:
        async with started(tmp_path, Options(root_ca="PEM", autoscaling=scaling)) as cluster:
            adapter = ExternalMetrics(cluster.client, SystemClock(), prometheus)
            cluster.extensions.attach("kube-system", external.SERVICE, adapter.handle)
            cluster.extensions.attach("kube-system", custom.SERVICE, steady)
            await adapter.look()
            for each in (external.APISERVICE, custom.APISERVICE):
                await register(cluster.client, each)
            for name, metric in (*((name, outside) for name in STUCK), ("web", inside)):
                await cluster.client.create(r.DEPLOYMENTS, deployment(name), "default")
                await cluster.client.create(HPAS, autoscaler(name, metric), "default")
            cluster.informers.of(HPAS)
            for name in STUCK:
                why = await cluster.until(lambda name=name: any(each in refused(cluster, name) for each in said))
                assert why
                assert refused(cluster, name).startswith(
                    "the HPA was unable to compute the replica count: unable to get external metric default/queue"
                )
            await cluster.until(lambda: (cluster.get(r.DEPLOYMENTS, "web") or {})["spec"]["replicas"] == 4)
            assert {cluster.get(r.DEPLOYMENTS, name)["spec"]["replicas"] for name in STUCK} == {1}  # type: ignore[index]
    finally:
        await prometheus.close()
        server.close()
