"""What work queues do, under client-go's `workqueue_…` names.

A `QueueCounts` is given to a `WorkQueue`, which tells it; `queue_families` makes the metrics of all queues of a program when somebody asks.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping

from kubern.base.metrics import Family, Histogram

_SECONDS = tuple(10.0**exponent for exponent in range(-8, 2))


class QueueCounts:
    """One queue's numbers. Times are seconds of a monotonic clock."""

    __slots__ = ("_begun", "_since", "added", "name", "retried", "waited", "worked")

    def __init__(self, name: str) -> None:
        self.name = name
        self.added = self.retried = 0
        self.waited, self.worked = Histogram(_SECONDS), Histogram(_SECONDS)
        self._since: dict[Hashable, float] = {}
        self._begun: dict[Hashable, float] = {}

    @property
    def depth(self) -> int:
        """How many keys wait for a worker."""
        return len(self._since)

    def add(self, key: Hashable, now: float) -> None:
        """A key has come that was not waiting already."""
        self.added += 1
        self._since[key] = now

    def get(self, key: Hashable, now: float) -> None:
        """A worker has taken a key."""
        self.waited.observe(now - self._since.pop(key, now))
        self._begun[key] = now

    def done(self, key: Hashable, now: float) -> None:
        """The work on a key has ended."""
        self.worked.observe(now - self._begun.pop(key, now))

    def running(self, now: float) -> list[float]:
        """Return for how long each key that is worked on has been."""
        return [now - begun for begun in self._begun.values()]


def queue_families(queues: Iterable[QueueCounts], now: float) -> Iterator[Family]:
    """Yield the metrics of queues."""
    known = {(queue.name,): queue for queue in queues}
    running = {key: queue.running(now) for key, queue in known.items()}
    yield _family(
        "depth", "gauge", "Current depth of workqueue by workqueue and priority", {k: q.depth for k, q in known.items()}
    )
    yield _family(
        "adds_total", "counter", "Total number of adds handled by workqueue", {k: q.added for k, q in known.items()}
    )
    yield _family(
        "queue_duration_seconds", "histogram", "How long in seconds an item stays in workqueue before being requested.",
        {k: q.waited for k, q in known.items()},
    )  # fmt: skip
    yield _family(
        "work_duration_seconds", "histogram", "How long in seconds processing an item from workqueue takes.",
        {k: q.worked for k, q in known.items()},
    )  # fmt: skip
    yield _family(
        "unfinished_work_seconds", "gauge",
        "How many seconds of work has done that is in progress and hasn't been observed by work_duration. Large values "
        "indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which this increases.",
        {key: sum(each) for key, each in running.items()},
    )  # fmt: skip
    yield _family(
        "longest_running_processor_seconds", "gauge",
        "How many seconds has the longest running processor for workqueue been running.",
        {key: max(each, default=0.0) for key, each in running.items()},
    )  # fmt: skip
    yield _family(
        "retries_total",
        "counter",
        "Total number of retries handled by workqueue",
        {k: q.retried for k, q in known.items()},
    )


def _family(name: str, kind: str, text: str, series: Mapping[tuple[str, ...], float | Histogram]) -> Family:
    return Family(f"workqueue_{name}", kind, f"[ALPHA] {text}", ("name",), series)
