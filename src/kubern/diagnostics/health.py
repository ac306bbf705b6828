"""`/healthz`, `/livez`, `/readyz`: named checks, one by one or all at once; and `/metrics/slis`, which counts what they say.

Used by the apiserver and by the ports of the other programs. What always holds: why a check fails is never shown, only that it does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import parse_qs

from kubern.base.introspection import Check
from kubern.base.metrics import Family
from kubern.http.answers import text_response
from kubern.http.contract import Answer, Request


class HealthPath:
    """One of the three paths; `checks` may grow and shrink."""

    def __init__(self, name: str, checks: Mapping[str, Check]) -> None:
        self._name = name
        self._checks = checks

    async def serve(self, request: Request) -> Answer:
        """Run the checks; 200 `ok` when none finds anything. `/healthz/NAME` runs one, `?exclude=NAME` leaves one out."""
        query = parse_qs(request.query, keep_blank_values=True)
        wanted = request.path.removeprefix(f"/{self._name}").strip("/")
        if wanted and wanted not in self._checks:
            return text_response(404, "404 page not found\n")
        excluded = set(query.get("exclude", ()))
        names = [wanted] if wanted else [name for name in self._checks if name not in excluded]
        lines, failed = [], []
        for name in names:
            found = await self._run(name)
            lines.append(f"[-]{name} failed: reason withheld" if found else f"[+]{name} ok")
            if found:
                failed.append(name)
        if failed:
            return text_response(500, "\n".join([*lines, f"{self._name} check failed", ""]))
        if "verbose" in query:
            return text_response(200, "\n".join([*lines, f"{self._name} check passed", ""]))
        return text_response(200, "ok")

    async def states(self) -> dict[tuple[str, str], bool]:
        """Return by name and type (`healthz`, `livez`, `readyz`) whether each check finds nothing."""
        return {(name, self._name): not await self._run(name) for name in self._checks}

    async def _run(self, name: str) -> str:
        result = self._checks[name]()
        return result if isinstance(result, str) else await result


class Indicators:
    """What the checks of some paths say, and how often they have said what to those who asked here."""

    def __init__(self, paths: Sequence[HealthPath]) -> None:
        self._paths = paths
        self._outcomes: Counter[tuple[str, ...]] = Counter()

    async def families(self) -> Iterator[Family]:
        """Run all checks and return what `/metrics/slis` shows."""
        states = {key: good for path in self._paths for key, good in (await path.states()).items()}
        for key, good in states.items():
            self._outcomes[*key, "success" if good else "error"] += 1
        now: dict[tuple[str, ...], float] = {key: float(good) for key, good in states.items()}
        return iter((
            Family(
                "kubernetes_healthcheck", "gauge", "This metric records the result of a single healthcheck.",
                ("name", "type"), now,
            ),
            Family(
                "kubernetes_healthchecks_total", "counter", "This metric records the results of all healthcheck.",
                ("name", "type", "status"), self._outcomes,
            ),
        ))  # fmt: skip
