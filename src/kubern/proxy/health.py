"""`/healthz` and `/livez` of a node's proxy, as load balancers ask for them: are the rules up to date, may the node get traffic?

The proxy's loop tells of changes and loads. What always holds: the proxy is healthy until a change has waited for longer than `LATE`.
Source: the Kubernetes documentation, "Virtual IPs and Service Proxies"; KEP-3836 for the node's part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.base.metrics import Family
from kubern.http.answers import text_response
from kubern.http.contract import Answer, Request, Response

LATE = 60.0
LEAVING = "ToBeDeletedByClusterAutoscaler"
"""The taint of a node that is about to be taken away: it gets no new connections."""
_HEADERS = (("content-type", "application/json"), ("x-content-type-options", "nosniff"))


class Health:
    """The health of one proxy and its node."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._updated: datetime | None = None
        self._waiting: float | None = None
        self._eligible = True
        self._answers: dict[str, Counter[tuple[str, ...]]] = {"healthz": Counter(), "livez": Counter()}

    def queued(self) -> None:
        """There is a change that the kernel does not know."""
        if self._waiting is None:
            self._waiting = self._clock.monotonic()

    def updated(self) -> None:
        """The kernel knows everything."""
        self._updated, self._waiting = self._clock.now(), None

    def node_changed(self, before: Obj | None, after: Obj | None) -> None:
        """The proxy's own node has changed."""
        if after is not None:
            taints = after["spec"].get("taints") or ()
            leaving = "deletionTimestamp" in after["metadata"] or any(taint["key"] == LEAVING for taint in taints)
            self._eligible = not leaving

    def working(self) -> bool:
        """Whether no change waits for too long."""
        return self._waiting is None or self._clock.monotonic() - self._waiting < LATE

    async def serve(self, request: Request) -> Answer:
        """Answer `/healthz` or `/livez`; 503 when it is not healthy. Only the first looks at the node."""
        name = request.path.strip("/")
        if name not in self._answers:
            return text_response(404, "404 page not found\n")
        good = self.working() and (self._eligible or name == "livez")
        now = self._clock.now()
        # upstream shows a healthy proxy's last look, not its last change
        last = now if good else self._updated
        text = f'{{"lastUpdated": "{_shown(last)}","currentTime": "{_shown(now)}"'
        if name == "healthz":
            text += f', "nodeEligible": {str(self._eligible).lower()}'
        code = 200 if good else 503
        self._answers[name][str(code),] += 1
        return Response(code, _HEADERS, f"{text}}}".encode())

    def families(self) -> Iterator[Family]:
        """Yield how often the health was asked for."""
        for name, answers in self._answers.items():
            yield Family(
                f"kubeproxy_proxy_{name}_total",
                "counter",
                f"[ALPHA] Cumulative proxy {name} HTTP status",
                ("code",),
                answers,
            )


def _shown(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S.%f} +0000 UTC" if time else "0001-01-01 00:00:00 +0000 UTC"
