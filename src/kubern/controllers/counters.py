"""What controllers count of what they do, under upstream's names, besides their queues.

A controller's file declares `Metric`s and a pure `count`, which says what a plan that has been carried out adds to them; the loop adds
it up in a `Counters`. What always holds: a plan that failed is counted as a failed sync only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kubern.base.metrics import Family


class Metric(NamedTuple):
    """A counter."""

    name: str
    help: str
    labels: tuple[str, ...]


class Increment(NamedTuple):
    """`times` more of a metric under some label values."""

    metric: Metric
    values: tuple[str, ...]
    times: int = 1


class Counters:
    """The counters of all controllers of a program."""

    def __init__(self) -> None:
        self._counts: dict[Metric, Counter[tuple[str, ...]]] = {}

    def add(self, increments: Iterable[Increment]) -> None:
        """Add up."""
        for metric, values, times in increments:
            self._counts.setdefault(metric, Counter())[values] += times

    def families(self) -> Iterator[Family]:
        """Yield the metrics."""
        for metric, counts in self._counts.items():
            yield Family(metric.name, "counter", metric.help, metric.labels, counts)
