"""external.metrics.k8s.io/v1beta1 out of a Prometheus server: what an autoscaler asks about things outside the cluster.

Run beside the apiserver, which calls `handle`, where a Prometheus server is known. A metric is a series' name, or `x_per_second` for the
rate of the counter `x_total`; the selector chooses among its series. What always holds: what is listed is answered from memory, so that
the API is there, and can say what is wrong, while Prometheus is away; who may read a metric in one namespace may read
it in all, as the series are not the namespace's.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

import orjson

from kubern.base.clock import Clock, rfc3339
from kubern.base.errors import NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.client import ApiClient
from kubern.http.contract import Request, Response
from kubern.metrics.promql import RATE_SUFFIX, WINDOW, expression, matchers_of
from kubern.metrics.registration import api_service, register
from kubern.metrics.series import milli

if TYPE_CHECKING:
    from kubern.metrics.prometheus import Prometheus, Sample

GROUP, VERSION = "external.metrics.k8s.io", "v1beta1"
SERVICE = "kubern-external-metrics"
APISERVICE = api_service(GROUP, VERSION, SERVICE)
_ROOT = f"/apis/{GROUP}/{VERSION}"
_JSON = (("content-type", "application/json"),)
EVERY = 30.0
"""Seconds between two looks at which series there are."""
_log = logging.getLogger(__name__)


class ExternalMetrics:
    """The adapter."""

    def __init__(self, client: ApiClient, clock: Clock, prometheus: Prometheus) -> None:
        self._client = client
        self._clock = clock
        self._prometheus = prometheus
        self._names: list[str] = []

    async def run(self) -> None:
        """Register, and keep what is listed true until cancelled."""
        await register(self._client, APISERVICE)
        while True:
            await self.look()
            await self._clock.sleep(EVERY)

    async def look(self) -> None:
        """Ask which series there are. What was known stays when there is no answer."""
        try:
            self._names = await self._prometheus.names()
        except StatusError as error:
            _log.warning("what external metrics there are is not known: %s", error)

    async def handle(self, request: Request) -> Response:
        """Answer a request below `/apis/external.metrics.k8s.io`."""
        parts = [unquote(part) for part in request.path.removeprefix(_ROOT).strip("/").split("/")]
        query = {key: found[0] for key, found in parse_qs(request.query).items()}
        try:
            return Response(200, _JSON, orjson.dumps(await self._get(parts, query.get("labelSelector", ""))))
        except StatusError as error:
            return Response(error.code, _JSON, orjson.dumps(error.status()))

    async def _get(self, parts: list[str], selector: str) -> Obj:
        match parts:
            case [""]:
                return self._resources()
            case ["namespaces", _, metric]:
                samples = await self._prometheus.query(expression(metric, matchers_of(selector)))
                items = [_item(metric, sample) for sample in samples]
                return {
                    "kind": "ExternalMetricValueList", "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": items,
                }  # fmt: skip
        raise NotFound("the server could not find the requested resource")

    def _resources(self) -> Obj:
        names = self._names
        rates = [name.removesuffix("_total") + RATE_SUFFIX for name in names if name.endswith("_total")]
        listed = [
            {"name": name, "singularName": "", "namespaced": True, "kind": "ExternalMetricValueList", "verbs": ["get"]}
            for name in sorted({*names, *rates})
        ]
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{GROUP}/{VERSION}",
            "resources": listed,
        }


def _item(metric: str, sample: Sample) -> Obj:
    item = {
        "metricName": metric,
        "metricLabels": {key: value for key, value in sample.labels.items() if key != "__name__"},
        "timestamp": rfc3339(datetime.fromtimestamp(sample.time, UTC)),
        "value": milli(sample.value),
    }
    return item | ({"window": round(WINDOW)} if metric.endswith(RATE_SUFFIX) else {})
