"""`/healthz`, `/livez`, `/readyz` and `/version`: what the apiserver's checks are."""

from __future__ import annotations

from kubern.apiserver.answers import object_response
from kubern.apiserver.core import Core
from kubern.apiserver.pipeline import Route, Routes
from kubern.apiserver.request_info import RequestInfo
from kubern.base.introspection import Check
from kubern.base.metrics import CONTENT_TYPE, expose
from kubern.base.version import VERSION
from kubern.diagnostics.health import HealthPath, Indicators
from kubern.http.contract import Answer, Request, Response


class Health:
    """The health paths and their checks."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.started = False
        self.stopping = False
        checks: dict[str, Check] = {"ping": lambda: "", "log": lambda: "", "etcd": self._store}
        ready: dict[str, Check] = {
            **checks,
            "informer-sync": self._started,
            "poststarthook/start-system-namespaces-controller": self._started,
            "poststarthook/bootstrap-controller": self._started,
            "shutdown": lambda: "process is shutting down" if self.stopping else "",
        }
        named = (("healthz", checks), ("livez", checks), ("readyz", ready))
        self._paths = {name: HealthPath(name, own) for name, own in named}
        self._slis = Indicators([*self._paths.values()])

    def install(self, routes: Routes) -> None:
        """Serve the paths."""
        for name, path in self._paths.items():
            routes.add(f"/{name}", _plain(path))
            routes.add(f"/{name}/*", _plain(path))
        routes.add("/metrics/slis", self._indicators)
        routes.add("/version", lambda request, info: object_response(200, VERSION))

    async def _indicators(self, request: Request, info: RequestInfo) -> Answer:
        text = expose(await self._slis.families())
        return Response(200, (("content-type", CONTENT_TYPE),), text.encode())

    def _started(self) -> str:
        return "" if self.started else "not finished"

    async def _store(self) -> str:
        await self._core.store.revision()
        return ""


def _plain(path: HealthPath) -> Route:
    return lambda request, info: path.serve(request)
