"""What a proxy counts, under upstream's names: rounds of loading rules, changes that wait, and how long a change took to get here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kubern.base.clock import parse_time
from kubern.base.json import Obj
from kubern.base.metrics import Family, Histogram, single

TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time"
_SYNC = tuple(0.001 * 2**i for i in range(15))
_PROGRAMMING = (
    0.25, 0.5, *(float(s) for s in range(1, 60)), *(float(s) for s in range(60, 120, 5)), *(float(s) for s in range(120, 301, 30)),
)  # fmt: skip
_MOST = 10_000
"""Changes whose times are kept while they wait."""


class Meters:
    """The numbers of one proxy. `started`: changes from before it are not its own delay."""

    def __init__(self, started: datetime) -> None:
        self._started = started
        self._seconds, self._programming = Histogram(_SYNC), Histogram(_PROGRAMMING)
        self._last = self._queued = 0.0
        self._failures = 0
        self._changes = {"service": 0, "endpoint": 0}
        self._loaded = {"service": 0, "endpoint": 0}
        self._triggers: list[datetime] = []

    def changed(self, kind: str, after: Obj | None, now: datetime) -> None:
        """A Service (`service`) or an EndpointSlice (`endpoint`) has changed."""
        self._changes[kind] += 1
        self._queued = now.timestamp()
        text = ((after or {}).get("metadata", {}).get("annotations") or {}).get(TRIGGER) if kind == "endpoint" else None
        if not text or len(self._triggers) >= _MOST:
            return
        try:
            trigger = parse_time(text)
        except ValueError:
            return
        if trigger >= self._started:
            self._triggers.append(trigger)

    def loading(self) -> tuple[dict[str, int], list[datetime]]:
        """A round begins: return what it takes in, for `loaded`."""
        taken, self._triggers = self._triggers, []
        return dict(self._changes), taken

    def loaded(self, taken: tuple[dict[str, int], list[datetime]], seconds: float, now: datetime) -> None:
        """The kernel holds what was taken in."""
        self._loaded, triggers = taken
        self._last = now.timestamp()
        self._seconds.observe(seconds)
        for trigger in triggers:
            self._programming.observe(max((now - trigger).total_seconds(), 0.0))

    def failed(self, taken: tuple[dict[str, int], list[datetime]]) -> None:
        """The kernel refused it: it will be taken in again."""
        self._failures += 1
        self._triggers = taken[1] + self._triggers

    def families(self) -> Iterator[Family]:
        """Yield the metrics."""
        prefix = "kubeproxy_sync_proxy_rules"
        yield _alone(f"{prefix}_duration_seconds", "[ALPHA] SyncProxyRules latency in seconds", self._seconds)
        yield single(
            f"{prefix}_last_timestamp_seconds",
            "gauge",
            "[ALPHA] The last time proxy rules were successfully synced",
            self._last,
        )
        yield single(
            f"{prefix}_last_queued_timestamp_seconds", "gauge", "[ALPHA] The last time a sync of proxy rules was queued",
            self._queued,
        )  # fmt: skip
        yield _alone(
            "kubeproxy_network_programming_duration_seconds", "[ALPHA] In Cluster Network Programming Latency in seconds",
            self._programming,
        )  # fmt: skip
        for kind, shown in (("service", "Service"), ("endpoint", "Endpoint")):
            total = self._changes[kind]
            yield single(
                f"{prefix}_{kind}_changes_total", "counter", f"[ALPHA] Cumulative proxy rules {shown} changes", total
            )
            yield single(
                f"{prefix}_{kind}_changes_pending", "gauge", f"[ALPHA] Pending proxy rules {shown} changes",
                total - self._loaded[kind],
            )  # fmt: skip
        yield single(
            f"{prefix}_nftables_sync_failures_total",
            "counter",
            "[ALPHA] Cumulative proxy nftables sync failures",
            self._failures,
        )


def _alone(name: str, text: str, histogram: Histogram) -> Family:
    return Family(name, "histogram", text, (), {(): histogram})
