"""`/healthz`, `/livez`, `/readyz` and `/version`."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Awaitable, Callable

from kubern.apiserver.answers import object_response, text_response
from kubern.apiserver.core import Core
from kubern.apiserver.pipeline import Routes
from kubern.apiserver.request_info import RequestInfo
from kubern.base.metrics import CONTENT_TYPE, Family, expose
from kubern.http.contract import Answer, Request, Response

Check = Callable[[], "Awaitable[str] | str"]
"""Returns what is wrong, or an empty text."""

VERSION = {
    "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35", "gitVersion": "v1.36.0", "gitCommit": "", "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "CPython",
    "platform": f"{platform.system().lower()}/{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine()) }",
}  # fmt: skip


class Health:
    """The health paths and their checks."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.started = False
        self.stopping = False
        self._groups: list[_Group] = []
        self._outcomes: Counter[tuple[str, ...]] = Counter()

    def install(self, routes: Routes) -> None:
        """Serve the paths."""
        checks: dict[str, Check] = {"ping": lambda: "", "log": lambda: "", "etcd": self._store}
        ready: dict[str, Check] = {
            **checks,
            "informer-sync": self._started,
            "poststarthook/start-system-namespaces-controller": self._started,
            "poststarthook/bootstrap-controller": self._started,
            "shutdown": lambda: "process is shutting down" if self.stopping else "",
        }
        for path, own in (("healthz", checks), ("livez", checks), ("readyz", ready)):
            group = _Group(path, own)
            self._groups.append(group)
            routes.add(f"/{path}", group.serve)
            routes.add(f"/{path}/*", group.serve)
        routes.add("/metrics/slis", self._indicators)
        routes.add("/version", lambda request, info: object_response(200, VERSION))

    async def _indicators(self, request: Request, info: RequestInfo) -> Answer:
        """Answer `/metrics/slis`: what the checks say now, and how often they have said what here."""
        states = {key: good for group in self._groups for key, good in (await group.states()).items()}
        for key, good in states.items():
            self._outcomes[*key, "success" if good else "error"] += 1
        now: dict[tuple[str, ...], float] = {key: float(good) for key, good in states.items()}
        text = expose((
            Family(
                "kubernetes_healthcheck", "gauge", "This metric records the result of a single healthcheck.",
                ("name", "type"), now,
            ),
            Family(
                "kubernetes_healthchecks_total", "counter", "This metric records the results of all healthcheck.",
                ("name", "type", "status"), self._outcomes,
            ),
        ))  # fmt: skip
        return Response(200, (("content-type", CONTENT_TYPE),), text.encode())

    def _started(self) -> str:
        return "" if self.started else "not finished"

    async def _store(self) -> str:
        await self._core.store.revision()
        return ""


class _Group:
    """One of the three paths."""

    def __init__(self, name: str, checks: dict[str, Check]) -> None:
        self._name = name
        self._checks = checks

    async def serve(self, request: Request, info: RequestInfo) -> Answer:
        """Run the checks; 200 `ok` when none finds anything."""
        wanted = info.path.removeprefix(f"/{self._name}").strip("/")
        if wanted and wanted not in self._checks:
            return text_response(404, "404 page not found\n")
        excluded = set(info.query.get("exclude", ()))
        names = [wanted] if wanted else [name for name in self._checks if name not in excluded]
        lines, failed = [], []
        for name in names:
            found = await self._run(name)
            lines.append(f"[-]{name} failed: reason withheld" if found else f"[+]{name} ok")
            if found:
                failed.append(name)
        if failed:
            return text_response(500, "\n".join([*lines, f"{self._name} check failed", ""]))
        if "verbose" in info.query:
            return text_response(200, "\n".join([*lines, f"{self._name} check passed", ""]))
        return text_response(200, "ok")

    async def states(self) -> dict[tuple[str, str], bool]:
        """Return by name and type (`healthz`, `livez`, `readyz`) whether each check finds nothing."""
        return {(name, self._name): not await self._run(name) for name in self._checks}

    async def _run(self, name: str) -> str:
        result = self._checks[name]()
        return result if isinstance(result, str) else await result
