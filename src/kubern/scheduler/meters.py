"""What a scheduler counts, under upstream's names: attempts, times, queues, preemption, and a sample of its plug-ins' times.

The scheduler's loop counts here; a program's port shows it. What always holds: plug-ins are timed in one cycle of `SAMPLED` only, so
that timing costs the others nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from kubern.base.metrics import Family, Histogram, single
from kubern.scheduler.queue import Queue, Waiting

SAMPLED = 10
SCHEDULED, UNSCHEDULABLE, ERROR = "scheduled", "unschedulable", "error"
_ATTEMPT = tuple(0.001 * 2**i for i in range(15))
_POINT = tuple(0.0001 * 2**i for i in range(12))
_PLUGIN = tuple(0.00001 * 1.5**i for i in range(20))
_WHOLE = tuple(0.01 * 2**i for i in range(20))
_VICTIMS = tuple(2.0**i for i in range(7))
_ATTEMPTS = tuple(2.0**i for i in range(5))
_MANY = 16
"""Attempts of a pod from which on they are one series."""
_QUEUES = {"active": "active", "backoff": "backoff", "parked": "unschedulable", "gated": "gated"}


class Meters:
    """The numbers of one scheduler. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._cycles = 0
        self._attempts: dict[tuple[str, ...], Histogram] = {}
        self._algorithm = Histogram(_ATTEMPT)
        self._victims = Histogram(_VICTIMS)
        self._preemptions = 0
        self._whole: dict[tuple[str, ...], Histogram] = {}
        self._tries = Histogram(_ATTEMPTS)
        self._points: dict[tuple[str, ...], Histogram] = {}
        self._plugins: dict[tuple[str, ...], Histogram] = {}

    def sampled(self) -> bool:
        """Whether the plug-ins of the cycle that begins are to be timed."""
        self._cycles += 1
        return self._cycles % SAMPLED == 0

    def decided(self, seconds: float) -> None:
        """A cycle has found a node, or that there is none."""
        self._algorithm.observe(seconds)

    def attempt(self, profile: str, result: str, seconds: float) -> None:
        """An attempt has ended: a pod is bound, was refused, or something went wrong."""
        _histogram(self._attempts, (profile, result), _ATTEMPT).observe(seconds)

    def bound(self, profile: str, waiting: Waiting, now: float) -> None:
        """A pod has its node."""
        self.attempt(profile, SCHEDULED, now - waiting.tried)
        attempts = waiting.attempts
        shown = str(attempts) if attempts < _MANY else f"{_MANY - 1}+"
        _histogram(self._whole, (shown,), _WHOLE).observe(now - waiting.entered)
        self._tries.observe(attempts)

    def preempted(self, victims: int) -> None:
        """A node was looked for whose pods may leave; `victims` are those that have to, 0 when none was found."""
        self._preemptions += 1
        if victims:
            self._victims.observe(victims)

    def plugin(self, name: str, point: str, status: str, seconds: float) -> None:
        """A plug-in was asked in a sampled cycle."""
        _histogram(self._plugins, (name, point, status), _PLUGIN).observe(seconds)

    def point(self, point: str, status: str, profile: str, seconds: float) -> None:
        """All plug-ins of an extension point were asked in a sampled cycle."""
        _histogram(self._points, (point, status, profile), _POINT).observe(seconds)

    def families(self, queue: Queue, sizes: Mapping[str, int]) -> Iterator[Family]:
        """Yield the metrics; `sizes` are how many nodes, pods and assumed pods are known."""
        yield Family(
            "scheduler_schedule_attempts_total", "counter",
            "[STABLE] Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, "
            "while 'error' means an internal scheduler problem.",
            ("profile", "result"), {key: sum(found.counts) for key, found in self._attempts.items()},
        )  # fmt: skip
        yield Family(
            "scheduler_scheduling_attempt_duration_seconds", "histogram",
            "[STABLE] Scheduling attempt latency in seconds (scheduling algorithm + binding)", ("profile", "result"), self._attempts,
        )  # fmt: skip
        yield _alone(
            "scheduler_scheduling_algorithm_duration_seconds",
            "[ALPHA] Scheduling algorithm latency in seconds",
            self._algorithm,
        )
        yield Family(
            "scheduler_pod_scheduling_sli_duration_seconds", "histogram",
            "[BETA] E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue and might involve "
            "multiple scheduling attempts.", ("attempts",), self._whole,
        )  # fmt: skip
        yield _alone(
            "scheduler_pod_scheduling_attempts",
            "[STABLE] Number of attempts to successfully schedule a pod.",
            self._tries,
        )
        yield single(
            "scheduler_preemption_attempts_total", "counter", "[STABLE] Total preemption attempts in the cluster till now",
            self._preemptions,
        )  # fmt: skip
        yield _alone("scheduler_preemption_victims", "[STABLE] Number of selected preemption victims", self._victims)
        yield Family(
            "scheduler_framework_extension_point_duration_seconds", "histogram",
            "[STABLE] Latency for running all plugins of a specific extension point.",
            ("extension_point", "status", "profile"), self._points,
        )  # fmt: skip
        yield Family(
            "scheduler_plugin_execution_duration_seconds", "histogram",
            "[ALPHA] Duration for running a plugin at a specific extension point.", ("plugin", "extension_point", "status"),
            self._plugins,
        )  # fmt: skip
        yield from _queue_families(queue)
        yield Family(
            "scheduler_cache_size", "gauge",
            "[ALPHA] Number of nodes, pods, and assumed (bound) pods in the scheduler cache.", ("type",),
            {(kind,): count for kind, count in sizes.items()},
        )  # fmt: skip


def _queue_families(queue: Queue) -> Iterator[Family]:
    places = queue.places()
    yield Family(
        "scheduler_pending_pods", "gauge",
        "[STABLE] Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of "
        "pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and "
        "failed; 'gated' is the number of unschedulable pods that the scheduler never attempted to schedule because they are gated.",
        ("queue",), {(name,): places[place] for place, name in _QUEUES.items()},
    )  # fmt: skip
    yield Family(
        "scheduler_queue_incoming_pods_total", "counter",
        "[STABLE] Number of pods added to scheduling queues by event and queue type.", ("event", "queue"),
        {(event, _QUEUES[place]): count for (event, place), count in queue.incoming.items()},
    )  # fmt: skip
    refused: Counter[tuple[str, ...]] = Counter()
    for waiting in queue.parked():
        profile = waiting.pod["spec"].get("schedulerName", "")
        refused.update((plugin.name, profile) for plugin in waiting.refused_by)
    yield Family(
        "scheduler_unschedulable_pods", "gauge",
        "[ALPHA] The number of unschedulable pods broken down by plugin name. A pod will increment the gauge for all plugins that "
        "caused it to not schedule and so this metric have meaning only when broken down by plugin.",
        ("plugin", "profile"), refused,
    )  # fmt: skip


def _alone(name: str, text: str, histogram: Histogram) -> Family:
    return Family(name, "histogram", text, (), {(): histogram})


def _histogram(held: dict[tuple[str, ...], Histogram], key: tuple[str, ...], bounds: tuple[float, ...]) -> Histogram:
    found = held.get(key)
    if found is None:
        found = held[key] = Histogram(bounds)
    return found
