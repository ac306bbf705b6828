"""custom.metrics.k8s.io/v1beta2 from the pods' own `/metrics`: those with the annotation `prometheus.io/scrape: "true"`.

Run beside the apiserver, which calls `handle`; the pods are asked through the apiserver's pod proxy. A metric of a Service is the sum over
the pods that it selects. Where a Prometheus server is known, it is asked for what the pods do not tell: by its labels `namespace`, `pod`
and `service`. What always holds: what pods tell is answered from memory; whatever one answers, the others are asked in time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

import orjson

from kubern.base.clock import Clock, rfc3339
from kubern.base.errors import NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.client import ApiClient
from kubern.client.contract import GVR
from kubern.http.contract import Request, Response
from kubern.metrics.promql import RATE_SUFFIX, WINDOW, Matcher, expression, matchers_of, one_of
from kubern.metrics.registration import api_service, register
from kubern.metrics.series import Look, Value, milli, rate_name, read, values

if TYPE_CHECKING:
    from kubern.metrics.prometheus import Prometheus

GROUP, VERSION = "custom.metrics.k8s.io", "v1beta2"
SERVICE = "kubern-custom-metrics"
SCRAPE, PORT, PATH = "prometheus.io/scrape", "prometheus.io/port", "prometheus.io/path"
EVERY = 15.0
AT_ONCE = 8
TEXT_LIMIT, SECONDS = 4 << 20, 10.0
"""Bytes of a pod's `/metrics` that are read, and how long that may take."""
BIG = 1 << 16
"""Bytes of a text from which on it is read in a thread, so that the event loop goes on."""
_PATH = "/:@!$&'()*+,;=~%"
SERVICES, PODS = GVR("", "v1", "services"), GVR("", "v1", "pods")
APISERVICE = api_service(GROUP, VERSION, SERVICE)
_ROOT = f"/apis/{GROUP}/{VERSION}"
_JSON = (("content-type", "application/json"),)
_log = logging.getLogger(__name__)

Key = tuple[str, str]


class CustomMetrics:
    """The adapter. `pods` returns the pods that there are; `prometheus` is asked for what they do not tell; a pod may
    take `patience` seconds."""

    def __init__(
        self,
        client: ApiClient,
        clock: Clock,
        pods: Callable[[], Iterable[Obj]],
        prometheus: Prometheus | None = None,
        patience: float = SECONDS,
    ) -> None:
        self._client = client
        self._clock = clock
        self._pods = pods
        self._prometheus = prometheus
        self._patience = patience
        self._looks: dict[Key, tuple[Look | None, Look]] = {}

    async def run(self) -> None:
        """Register, and ask the pods until cancelled."""
        await register(self._client, APISERVICE)
        while True:
            await self.scrape()
            await self._clock.sleep(EVERY)

    async def scrape(self) -> None:
        """Ask every pod that wants it once."""
        wanted = {_key(pod): pod for pod in self._pods() if _wants(pod)}
        self._looks = {key: looks for key, looks in self._looks.items() if key in wanted}
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(pod: Obj) -> None:
            async with gate:
                try:
                    await self._ask(pod)
                except Exception:  # noqa: BLE001
                    # one pod that nobody can cope with must not stop the others
                    _log.exception("pod %s/%s does not tell its metrics", *_key(pod))

        await asyncio.gather(*(ask(pod) for pod in wanted.values()))

    async def _ask(self, pod: Obj) -> None:
        key, annotations = _key(pod), pod["metadata"]["annotations"]
        port, path = annotations.get(PORT) or _first_port(pod), annotations.get(PATH) or "/metrics"
        target = f"/api/v1/namespaces/{key[0]}/pods/{key[1]}:{port}/proxy/{quote(path.lstrip('/'), _PATH)}"
        lines, size = [], 0
        try:
            async with (
                asyncio.timeout(self._patience),
                aclosing(self._client.transport.stream(target, accept="text/plain")) as told,
            ):
                async for line in told:
                    lines.append(line)
                    size += len(line) + 1
                    if size > TEXT_LIMIT:
                        break
        except (StatusError, TimeoutError) as error:
            _log.debug("pod %s/%s does not tell its metrics: %r", *key, error)
            return
        now = self._clock.now().timestamp()
        text = b"\n".join(lines).decode(errors="replace")
        look = read(text, now) if size < BIG else await asyncio.to_thread(read, text, now)
        held = self._looks.get(key)
        self._looks[key] = (held[1] if held else None, look)

    async def handle(self, request: Request) -> Response:
        """Answer a request below `/apis/custom.metrics.k8s.io`."""
        try:
            parts = request.path.removeprefix(_ROOT).strip("/").split("/")
            return Response(200, _JSON, orjson.dumps(await self._get(parts, request)))
        except StatusError as error:
            return Response(error.code, _JSON, orjson.dumps(error.status()))

    async def _get(self, parts: Sequence[str], request: Request) -> Obj:
        query = {key: found[0] for key, found in parse_qs(request.query).items()}
        selector = query.get("metricLabelSelector", "")
        match list(parts):
            case [""]:
                return self._resources()
            case ["namespaces", namespace, "pods", name, metric]:
                names = await self._names(namespace, query.get("labelSelector", "")) if name == "*" else [name]
                found = self._values(namespace, names, metric, selector)
                found = found or await self._pods_elsewhere(namespace, names, metric, selector)
                if not found and name != "*":
                    raise _unknown(metric, "pods", name)
                return _listed([_item("Pod", namespace, pod, metric, value) for pod, value in found.items()])
            case ["namespaces", namespace, "services", name, metric]:
                return _listed(
                    [_item("Service", namespace, name, metric, await self._sum(namespace, name, metric, selector))]
                )
        raise NotFound("the server could not find the requested resource")

    async def _names(self, namespace: str, selector: str) -> list[str]:
        found = await self._client.list(
            PODS, namespace, label_selector=selector, resource_version="0", metadata_only=True
        )
        return [pod["metadata"]["name"] for pod in found.items]

    async def _sum(self, namespace: str, service: str, metric: str, selector: str) -> Value:
        labels = (await self._client.get(SERVICES, service, namespace))["spec"].get("selector") or {}
        text = ",".join(f"{key}={value}" for key, value in labels.items())
        names = await self._names(namespace, text) if text else []
        found = list(self._values(namespace, names, metric, selector).values())
        found = found or await self._service_elsewhere(namespace, service, metric, selector)
        if not found:
            raise _unknown(metric, "services", service)
        return found[0]._replace(value=sum(one.value for one in found), time=min(one.time for one in found))

    def _values(self, namespace: str, names: Iterable[str], metric: str, selector: str) -> dict[str, Value]:
        found = {}
        for name in names:
            looks = self._looks.get((namespace, name))
            value = values(*looks, selector).get(metric) if looks else None
            if value is not None:
                found[name] = value
        return found

    async def _pods_elsewhere(
        self, namespace: str, names: list[str], metric: str, selector: str
    ) -> dict[str, Value]:  # fmt: skip
        if self._prometheus is None or not names:
            return {}
        chosen = [Matcher("namespace", "=", namespace), one_of("pod", names), *matchers_of(selector)]
        samples = await self._prometheus.query(f"sum by (pod) ({expression(metric, chosen)})")
        window = WINDOW if metric.endswith(RATE_SUFFIX) else 0.0
        asked = set(names)
        return {
            pod: Value(each.value, each.time, window)
            for each in samples
            if (pod := each.labels.get("pod", "")) in asked
        }

    async def _service_elsewhere(self, namespace: str, service: str, metric: str, selector: str) -> list[Value]:
        if self._prometheus is None:
            return []
        chosen = [Matcher("namespace", "=", namespace), Matcher("service", "=", service), *matchers_of(selector)]
        samples = await self._prometheus.query(f"sum({expression(metric, chosen)})")
        return [Value(each.value, each.time, WINDOW if metric.endswith(RATE_SUFFIX) else 0.0) for each in samples]

    def _resources(self) -> Obj:
        names = {name for _, last in self._looks.values() for name, _ in last.gauges}
        names |= {rate_name(name) for _, last in self._looks.values() for name, _ in last.counters}
        listed = [
            {
                "name": f"{of}/{name}",
                "singularName": "",
                "namespaced": True,
                "kind": "MetricValueList",
                "verbs": ["get"],
            }
            for of in ("pods", "services")
            for name in sorted(names)
        ]
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{GROUP}/{VERSION}",
            "resources": listed,
        }


def _key(pod: Obj) -> Key:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]


def _wants(pod: Obj) -> bool:
    """Whether a pod runs and asks to be looked at."""
    annotations = pod["metadata"].get("annotations") or {}
    status = pod.get("status") or {}
    running = status.get("phase") == "Running" and bool(status.get("podIP"))
    port = annotations.get(PORT) or _first_port(pod)
    return running and annotations.get(SCRAPE) == "true" and str(port).isdigit()


def _first_port(pod: Obj) -> str:
    ports = [port["containerPort"] for c in pod["spec"]["containers"] for port in c.get("ports") or ()]
    return str(ports[0]) if ports else ""


def _item(kind: str, namespace: str, name: str, metric: str, value: Value) -> Obj:
    item = {
        "describedObject": {"kind": kind, "namespace": namespace, "name": name, "apiVersion": "/v1"},
        "metric": {"name": metric, "selector": None},
        "timestamp": rfc3339(datetime.fromtimestamp(value.time, UTC)),
        "value": milli(value.value),
    }
    return item | ({"windowSeconds": round(value.window)} if value.window else {})


def _listed(items: list[Obj]) -> Obj:
    return {"kind": "MetricValueList", "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": items}


def _unknown(metric: str, resource: str, name: str) -> NotFound:
    return NotFound(f"the server could not find the metric {metric} for {resource} {name}")
