"""What the apiserver counts, and `/metrics`, which shows it under upstream's names.

`edge.Edge` counts requests here; the other numbers are read where they are when somebody scrapes. What always holds: the labels of a series
come from the resources served and from a fixed list of verbs, so that no client can make series without end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from kubern.apiserver.counts import Events, event_families
from kubern.apiserver.flow.families import flow_families
from kubern.apiserver.pipeline import Routes
from kubern.apiserver.request_info import RequestInfo
from kubern.base.metrics import CONTENT_TYPE, Family, Histogram, expose, process_families
from kubern.base.version import VERSION
from kubern.http.contract import Answer, Request, Response
from kubern.store.contract import StoreError

if TYPE_CHECKING:
    from kubern.apiserver.core import Core
    from kubern.apiserver.flow.control import FlowControl

_SECONDS = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0,
    45.0, 60.0,
)  # fmt: skip
_OWN_SECONDS = _SECONDS[2:]
_SIZES = tuple(1000.0 * 10**i for i in range(7))
_VERBS = {
    "get": "GET", "list": "LIST", "watch": "WATCH", "create": "POST", "update": "PUT", "patch": "PATCH",
    "delete": "DELETE", "deletecollection": "DELETECOLLECTION", "post": "POST", "put": "PUT", "head": "GET",
}  # fmt: skip
_LABELS = ("verb", "group", "version", "resource", "subresource", "scope")
_CONNECTING = frozenset(("attach", "exec", "portforward", "proxy"))
_PATIENCE = 1.0
"""Seconds that the store may take to say how large it is."""
_LONG = frozenset(("WATCH", "CONNECT"))
_TERMINATING = frozenset((429, 504))
Target = tuple[str, str, str, str, str, str]


class _Series:
    """The requests of one target."""

    __slots__ = ("codes", "dry", "own_seconds", "seconds", "sizes")

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self.dry: dict[int, int] = {}
        self.seconds = Histogram(_SECONDS)
        self.own_seconds = Histogram(_OWN_SECONDS)
        self.sizes = Histogram(_SIZES)


class Meters:
    """The numbers of one apiserver."""

    def __init__(self, core: Core, flow: FlowControl | None) -> None:
        self._core = core
        self._series: dict[Target, _Series] = {}
        self._seen: dict[tuple[str, str, str, str, str, bool, bool], _Series] = {}
        self.running = {"mutating": 0, "readOnly": 0}
        """Requests that are being answered and wait for something."""
        self.long_running: dict[Target, int] = {}
        self.others: list[Callable[[], Iterator[Family]]] = []
        """More metrics, by those whose they are."""
        self._flow = flow
        self._started = core.clock.now().timestamp()
        self._deprecated: dict[tuple[str, ...], float] = {}
        """The versions asked for that are to go."""

    def install(self, routes: Routes) -> None:
        """Serve `/metrics`."""
        routes.add("/metrics", self._serve)

    def done(self, info: RequestInfo, status: int, size: int, seconds: float, elsewhere: float = 0.0) -> None:
        """Count a request that was answered; `seconds` from its arrival, of which so many were spent at webhooks and in queues."""
        key = (
            info.verb, info.group, info.version, info.resource, info.subresource, bool(info.namespace), bool(info.name),
        )  # fmt: skip
        series = self._seen.get(key)
        if series is None:
            series = self._find(info, key)
        codes = series.dry if "dryRun" in info.query else series.codes
        codes[status] = codes.get(status, 0) + 1
        series.seconds.observe(seconds)
        series.own_seconds.observe(seconds - elsewhere)
        series.sizes.observe(size)

    def _find(self, info: RequestInfo, key: tuple[str, str, str, str, str, bool, bool]) -> _Series:
        target = self.target(info)
        resource = self._core.resources.get((info.group, info.version, info.resource)) if info.is_resource else None
        if resource is not None and resource.deprecated and resource.structural is None:
            self._deprecated[info.group, info.version, info.resource, target[4], ""] = 1
        series = self._series.get(target)
        if series is None:
            series = self._series[target] = _Series()
        if len(self._seen) < 4096:
            self._seen[key] = series
        return series

    def target(self, info: RequestInfo) -> Target:
        """Return what a request is counted under."""
        verb = _VERBS.get(info.verb, "other")
        if not info.is_resource:
            return verb, "", "", "", "", ""
        resource = self._core.resources.get((info.group, info.version, info.resource))
        if resource is None:
            return "other", "", "", "", "", ""
        subresource = info.subresource
        if subresource and not any(declared.name == subresource for declared in resource.subresources):
            return "other", "", "", "", "", ""
        if subresource in _CONNECTING:
            verb = "CONNECT"
        scope = "resource" if info.name or info.verb == "create" else "namespace" if info.namespace else "cluster"
        return verb, info.group, info.version, info.resource, subresource, scope

    async def _serve(self, request: Request, info: RequestInfo) -> Answer:
        text = expose(chain(self.families(), await self._size()))
        return Response(200, (("content-type", CONTENT_TYPE),), text.encode(), True)

    def families(self) -> Iterator[Family]:
        """Yield every metric, as it stands."""
        yield from self._requests()
        yield from self._ended_early()
        yield Family(
            "apiserver_current_inflight_requests", "gauge",
            "Maximal number of currently used inflight request limit of this apiserver per request kind in last second.",
            ("request_kind",), {(kind,): count for kind, count in self.running.items()},
        )  # fmt: skip
        yield Family(
            "apiserver_longrunning_requests", "gauge",
            "Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and "
            "component. Not all requests are tracked this way.",
            (*_LABELS, "component"), {(*key, "apiserver"): count for key, count in self.long_running.items()},
        )  # fmt: skip
        yield Family(
            "apiserver_requested_deprecated_apis", "gauge",
            "Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and "
            "removed_release.",
            ("group", "version", "resource", "subresource", "removed_release"), self._deprecated,
        )  # fmt: skip
        yield from self._core.counts.families()
        for other in self.others:
            yield from other()
        yield from event_families(self._watched())
        yield from self._storage()
        if self._flow:
            yield from flow_families(self._flow)
        build = {
            "major": VERSION["major"], "minor": VERSION["minor"], "git_version": VERSION["gitVersion"],
            "platform": VERSION["platform"], "compiler": VERSION["compiler"],
        }  # fmt: skip
        yield Family(
            "kubernetes_build_info", "gauge", "A metric with a constant '1' value labeled by what was built.",
            tuple(build), {tuple(build.values()): 1},
        )  # fmt: skip
        yield from process_families(self._started)

    def _requests(self) -> Iterator[Family]:
        counts: dict[tuple[str, ...], float] = {}
        for target, series in self._series.items():
            for dry, codes in (("", series.codes), ("All", series.dry)):
                for code, count in codes.items():
                    counts[(*target, "apiserver", dry, str(code))] = count
        yield Family(
            "apiserver_request_total", "counter",
            "Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, "
            "and HTTP response code.",
            (*_LABELS, "component", "dry_run", "code"), counts,
        )  # fmt: skip
        yield Family(
            "apiserver_request_duration_seconds", "histogram",
            "Response latency distribution in seconds for each verb, group, version, resource, subresource, scope and component.",
            (*_LABELS, "component"), {(*key, "apiserver"): found.seconds for key, found in self._series.items()},
        )  # fmt: skip
        yield Family(
            "apiserver_request_sli_duration_seconds", "histogram",
            "Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds for "
            "each verb, group, version, resource, subresource, scope and component.",
            (*_LABELS, "component"),
            {(*key, "apiserver"): found.own_seconds for key, found in self._series.items() if key[0] not in _LONG},
        )  # fmt: skip
        yield Family(
            "apiserver_response_sizes", "histogram",
            "Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.",
            (*_LABELS, "component"), {(*key, "apiserver"): found.sizes for key, found in self._series.items()},
        )  # fmt: skip

    def _ended_early(self) -> Iterator[Family]:
        """Yield the requests that were refused or given up to protect the server: read off their codes, which say it."""
        counts: dict[tuple[str, ...], float] = {}
        for target, series in self._series.items():
            # an eviction that a budget forbids is 429 too, and no self-defence
            codes = _TERMINATING - ({429} if target[4] == "eviction" else set())
            for code in codes & (series.codes.keys() | series.dry.keys()):
                counts[(*target, "apiserver", str(code))] = series.codes.get(code, 0) + series.dry.get(code, 0)
        yield Family(
            "apiserver_request_terminations_total", "counter",
            "Number of requests which apiserver terminated in self-defense.", (*_LABELS, "component", "code"), counts,
        )  # fmt: skip

    def _watched(self) -> Iterator[tuple[tuple[str, str, str], Events]]:
        for resource in self._core.resources.values():
            if resource.stored and (resource.storage_version or resource.structural is not None):
                yield (
                    (resource.group, resource.version, resource.plural),
                    self._core.storage(resource).broadcaster.events,
                )

    async def _size(self) -> list[Family]:
        """Return the size of the database, unless the store cannot say it now: the other numbers are wanted then above all."""
        try:
            async with asyncio.timeout(_PATIENCE):
                size = await self._core.store.size()
        except (StoreError, TimeoutError):
            return []
        return [
            Family(
                "apiserver_storage_size_bytes", "gauge", "Size of the storage database file physically allocated in bytes.",
                ("storage_cluster_id",), {("etcd-0",): size},
            )
        ]  # fmt: skip

    def _storage(self) -> Iterator[Family]:
        stored: dict[tuple[str, ...], float] = {}
        for resource in self._core.resources.values():
            if resource.stored:
                stored[resource.group, resource.plural] = len(self._core.storage(resource).cache.entries)
        yield Family(
            "apiserver_resource_objects", "gauge", "Number of stored objects at the time of last check split by kind.",
            ("group", "resource"), stored,
        )  # fmt: skip
        yield Family(
            "apiserver_storage_objects", "gauge", "Number of stored objects at the time of last check split by kind.",
            ("resource",), {(f"{plural}.{group}" if group else plural,): n for (group, plural), n in stored.items()},
        )  # fmt: skip
