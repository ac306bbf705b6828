"""A program's port: health, metrics, configuration, status, flags and profiles, for those who may see them.

Made by `serving`. What always holds: who is not authorized for a path learns nothing of it, not even whether there is one.
"""

from __future__ import annotations

import inspect
import logging
from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import orjson

from kubern.base.clock import Clock
from kubern.base.errors import MethodNotAllowed, StatusError
from kubern.base.introspection import Introspection
from kubern.base.metrics import CONTENT_TYPE, Family, expose, process_families
from kubern.base.version import VERSION
from kubern.diagnostics.access import Access
from kubern.diagnostics.health import HealthPath, Indicators
from kubern.diagnostics.profiling import ROOT as PPROF
from kubern.diagnostics.profiling import Profiling
from kubern.diagnostics.zpages import ZPages
from kubern.http.answers import JSON_HEADERS, text_response
from kubern.http.contract import Answer, Request, Response
from kubern.http.routes import RouteTable

log = logging.getLogger(__name__)

Route = Callable[[Request], "Answer | Awaitable[Answer]"]
_METRICS = (("content-type", CONTENT_TYPE),)


class About(NamedTuple):
    """What a program shows of itself besides what its parts tell."""

    name: str
    """As upstream's program of the kind is called: `kube-scheduler`."""
    flags: Mapping[str, str] = {}
    profiling: bool = True


class Port:
    """The handler to serve. Without `access` everybody may see everything."""

    def __init__(
        self,
        about: About,
        introspection: Introspection,
        clock: Clock,
        access: Access | None = None,
    ) -> None:
        self._introspection, self._access = introspection, access
        self._started = clock.now().timestamp()
        self.routes: RouteTable[Route] = RouteTable()
        self._serve_health()
        pages = ZPages(about.name, clock, self.routes.paths, lambda: about.flags)
        self.routes.add("/metrics", self._metrics)
        self.routes.add("/configz", self._configz)
        self.routes.add("/statusz", pages.statusz)
        self.routes.add("/flagz", pages.flagz)
        if about.profiling:
            profiling = Profiling(clock)
            self.routes.add(PPROF, profiling.serve)
            self.routes.add(f"{PPROF}/*", profiling.serve)

    async def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        try:
            if self._access is not None:
                await self._access.check(request)
            return await self._answer(request)
        except StatusError as error:
            return Response(error.code, JSON_HEADERS, orjson.dumps(error.status()))

    async def _answer(self, request: Request) -> Answer:
        page = self._introspection.pages.get(request.path)
        route = self.routes.find(request.path) if page is None else lambda request: _text(expose(page()))
        if route is None:
            return text_response(404, "404 page not found\n")
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        answer = route(request)
        return await answer if inspect.isawaitable(answer) else answer

    def _serve_health(self) -> None:
        told = self._introspection
        told.checks.setdefault("ping", lambda: "")
        ready = ChainMap(told.ready, told.checks)
        checks = (("healthz", told.checks), ("livez", told.checks), ("readyz", ready))
        paths = {name: HealthPath(name, own) for name, own in checks}
        for name, path in paths.items():
            self.routes.add(f"/{name}", path.serve)
            self.routes.add(f"/{name}/*", path.serve)
        indicators = Indicators([*paths.values()])

        async def slis(request: Request) -> Answer:
            return _text(expose(await indicators.families()))

        self.routes.add("/metrics/slis", slis)

    def _metrics(self, request: Request) -> Answer:
        build = {"major": VERSION["major"], "minor": VERSION["minor"], "git_version": VERSION["gitVersion"]}
        info = Family(
            "kubernetes_build_info", "gauge", "A metric with a constant '1' value labeled by what was built.",
            tuple(build), {tuple(build.values()): 1},
        )  # fmt: skip
        return _text(expose([*self._introspection.families(), info, *process_families(self._started)]))

    def _configz(self, request: Request) -> Answer:
        shown = {name: tell() for name, tell in self._introspection.configuration.items()}
        return Response(200, JSON_HEADERS, orjson.dumps(shown, option=orjson.OPT_NON_STR_KEYS))


def _text(text: str) -> Response:
    return Response(200, _METRICS, text.encode(), True)
