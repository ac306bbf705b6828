"""Asks every node for its counters and answers metrics.k8s.io/v1beta1.

Run beside the apiserver by the control plane, which attaches `handle`. What always holds: a request is answered from memory but for the
objects' names and labels; who may ask has been decided before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import parse_qs

import orjson

from kubern.base.clock import Clock
from kubern.base.errors import NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.client import ApiClient
from kubern.client.contract import GVR
from kubern.http.contract import Request, Response
from kubern.metrics.api import GROUP, RESOURCES, VERSION, listed, node_metrics, pod_metrics
from kubern.metrics.registration import api_service, register
from kubern.metrics.text import samples
from kubern.metrics.window import Id, Reading, Window, readings

RESOLUTION = 15.0
"""Seconds between two looks at a node."""
AT_ONCE, SECONDS = 8, 10.0
"""Nodes that are asked at a time, and how long one may take."""
PAUSE_AFTER = 16
"""Nodes of this process that are looked at in one go."""
NODES, PODS = GVR("", "v1", "nodes"), GVR("", "v1", "pods")
CLUSTER_ROLES = GVR("rbac.authorization.k8s.io", "v1", "clusterroles")
SERVICE = "kubern-metrics"
APISERVICE = api_service(GROUP, VERSION, SERVICE, priority=100)
_ROOT = f"/apis/{GROUP}/{VERSION}"
_JSON = (("content-type", "application/json"),)
_log = logging.getLogger(__name__)

Local = Callable[[str], Mapping[Id, Reading] | None]
"""Returns the readings of a node of this process, None for any other node."""

Nodes = Callable[[], Awaitable[Sequence[str]]]
"""Returns the names of all nodes, where a copy of them is at hand."""

READER: Obj = {
    "metadata": {
        "name": "system:aggregated-metrics-reader",
        "labels": {f"rbac.authorization.k8s.io/aggregate-to-{role}": "true" for role in ("view", "edit", "admin")},
    },
    "rules": [{"apiGroups": [GROUP], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]}],
}


class MetricsServer:
    """The metrics server of a cluster."""

    def __init__(
        self, client: ApiClient, clock: Clock, local: Local = lambda name: None, nodes: Nodes | None = None
    ) -> None:
        self._client = client
        self._nodes_here = nodes
        self._clock = clock
        self._local = local
        self._window = Window(RESOLUTION)

    async def run(self) -> None:
        """Register, and ask the nodes until cancelled."""
        await register(self._client, APISERVICE)
        await register(self._client, READER, CLUSTER_ROLES)
        while True:
            try:
                await self.scrape()
            except StatusError as error:
                _log.warning("the nodes could not be listed: %s", error)
            await self._clock.sleep(RESOLUTION)

    async def scrape(self) -> None:
        """Ask every node once. Raises `StatusError` when there is no telling which nodes there are."""
        names = await self._names()
        self._window.keep(names)
        away = [name for number, name in enumerate(names) if not await self._took_here(name, number)]
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(name: str) -> None:
            async with gate:
                try:
                    await self._ask(name)
                except Exception:  # noqa: BLE001
                    # one node that nobody can cope with must not stop the others
                    _log.exception("node %s does not tell its metrics", name)

        await asyncio.gather(*(ask(name) for name in away))

    async def _names(self) -> Sequence[str]:
        if self._nodes_here is not None:
            return await self._nodes_here()
        nodes = await self._client.list(NODES, resource_version="0", metadata_only=True)
        return [node["metadata"]["name"] for node in nodes.items]

    async def _took_here(self, name: str, number: int) -> bool:
        """Take the readings of a node of this process; False for any other."""
        here = self._local(name)
        if here is None:
            return False
        self._window.take(name, here)
        if number % PAUSE_AFTER == 0:
            await self._clock.sleep(0)  # there may be thousands: others come between
        return True

    async def _ask(self, name: str) -> None:
        try:
            path = f"/api/v1/nodes/{name}/proxy/metrics/resource"
            async with asyncio.timeout(SECONDS):
                body = (await self._client.transport.request("GET", path, accept="text/plain")).body
        except (StatusError, TimeoutError) as error:
            _log.info("node %s does not tell its metrics: %r", name, error)
            return
        now = self._clock.now().timestamp()
        self._window.take(name, readings(name, samples(body.decode(errors="replace")), now))

    async def handle(self, request: Request) -> Response:
        """Answer a request below `/apis/metrics.k8s.io`."""
        try:
            if request.method not in ("GET", "HEAD"):
                return _status(
                    405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
                )
            return await self._get(request.path.removeprefix(_ROOT).strip("/").split("/"), request)
        except StatusError as error:
            return Response(error.code, _JSON, orjson.dumps(error.status()))

    async def _get(self, parts: Sequence[str], request: Request) -> Response:
        if request.path.rstrip("/") == _ROOT:
            return _answer(RESOURCES)
        query = {key: values[0] for key, values in parse_qs(request.query).items()}
        match list(parts):
            case ["nodes"]:
                return _answer(listed("NodeMetrics", await self._nodes(query)))
            case ["nodes", name]:
                return _answer(await self._node(name))
            case ["pods"]:
                return _answer(listed("PodMetrics", await self._pods("", query)))
            case ["namespaces", namespace, "pods"]:
                return _answer(listed("PodMetrics", await self._pods(namespace, query)))
            case ["namespaces", namespace, "pods", name]:
                return _answer(await self._pod(namespace, name))
        return Response(404, (("content-type", "text/plain"),), b"404 page not found\n")

    async def _nodes(self, query: dict[str, str]) -> list[Obj]:
        found = await self._chosen(NODES, "", query)
        used = [(node, self._window.node(node["metadata"]["name"])) for node in found]
        return [node_metrics(node, one) for node, one in used if one is not None]

    async def _pods(self, namespace: str, query: dict[str, str]) -> list[Obj]:
        found, usages = await self._chosen(PODS, namespace, query), self._window.pods()
        keyed = [(pod, usages.get((pod["metadata"]["namespace"], pod["metadata"]["name"]))) for pod in found]
        return [pod_metrics(pod, containers) for pod, containers in keyed if containers]

    async def _chosen(self, gvr: GVR, namespace: str, query: dict[str, str]) -> Sequence[Obj]:
        """Return the objects that a request selects, by the apiserver's own understanding of selectors."""
        result = await self._client.list(
            gvr,
            namespace,
            label_selector=query.get("labelSelector", ""),
            field_selector=query.get("fieldSelector", ""),
            resource_version="0",
            metadata_only=True,
        )
        return result.items

    async def _node(self, name: str) -> Obj:
        used = self._window.node(name)
        if used is None:
            raise NotFound(f'nodemetrics.{GROUP} "{name}" not found', kind="nodemetrics", group=GROUP, name=name)
        return node_metrics(await self._client.get(NODES, name), used)

    async def _pod(self, namespace: str, name: str) -> Obj:
        containers = self._window.pods().get((namespace, name))
        if not containers:
            shown = f"{namespace}/{name}"
            raise NotFound(f'podmetrics.{GROUP} "{shown}" not found', kind="podmetrics", group=GROUP, name=shown)
        return pod_metrics(await self._client.get(PODS, name, namespace), containers)


def _answer(obj: Obj) -> Response:
    return Response(200, _JSON, orjson.dumps(obj))


def _status(code: int, reason: str, message: str) -> Response:
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return Response(code, _JSON, orjson.dumps(status | {"reason": reason, "code": code}))
