"""What is known when replicas are computed. Values are integers in thousandths: milli-cores, milli-bytes, milli-requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from kubern.base.json import Obj


class PodValue(NamedTuple):
    """A pod's value of a metric, taken at `time` over the `window` before it."""

    value: int
    time: datetime
    window: timedelta = timedelta(minutes=1)


class MetricError(Exception):
    """A metric could not be had; the text is upstream's."""


class Fetched(NamedTuple):
    """What came of asking for one metric: pods' values, or one number, or what went wrong."""

    pods: Mapping[str, PodValue] | None = None
    total: int | None = None
    time: datetime | None = None
    error: str = ""


class Settings(NamedTuple):
    """The --horizontal-pod-autoscaler-* flags; durations in seconds."""

    sync_period: float = 15.0
    downscale_stabilization: float = 300.0
    tolerance: float = 0.1
    cpu_initialization_period: float = 300.0
    initial_readiness_delay: float = 30.0


class Tolerances(NamedTuple):
    """How far from 1 the ratio of usage to target may be without anything being done."""

    down: float
    up: float

    def within(self, ratio: float) -> bool:
        """Whether nothing is to be done about this ratio."""
        return 1.0 - self.down <= ratio <= 1.0 + self.up


class Facts(NamedTuple):
    """The target at a moment."""

    current: int
    status_replicas: int
    pods: Sequence[Obj]
    now: datetime
    settings: Settings
    tolerances: Tolerances
