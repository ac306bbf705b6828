"""The metrics of priority and fairness, under upstream's names; made when somebody scrapes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from kubern.apiserver.flow.control import FlowControl
from kubern.apiserver.flow.level import WAITS, Level
from kubern.base.metrics import Family, Histogram


def flow_families(flow: FlowControl) -> Iterator[Family]:
    """Yield the metrics of all priority levels, as they stand."""
    levels = flow.levels
    by_level = ("priority_level",)
    by_schema = ("priority_level", "flow_schema")
    prefix = "apiserver_flowcontrol"
    yield Family(
        f"{prefix}_dispatched_requests_total", "counter", "Number of requests executed by API Priority and Fairness subsystem.",
        by_schema, {(name, schema): n for name, level in levels.items() for schema, n in level.dispatched.items()},
    )  # fmt: skip
    yield Family(
        f"{prefix}_rejected_requests_total", "counter", "Number of requests rejected by API Priority and Fairness subsystem.",
        (*by_schema, "reason"),
        {(name, *key): n for name, level in levels.items() for key, n in level.rejected.items()},
    )  # fmt: skip
    for name, text, values in (
        ("current_inqueue_seats", "Number of seats currently pending in queues.",
         {n: level.queues.waiting_seats for n, level in levels.items()}),
        ("current_executing_seats", "Concurrency (number of seats) occupied by the currently executing requests.",
         {n: level.queues.in_use for n, level in levels.items()}),
        ("nominal_limit_seats", "Nominal number of execution seats configured for each priority level.",
         {n: level.limits.nominal for n, level in levels.items()}),
        ("lower_limit_seats", "Configured lower bound on number of execution seats available to each priority level.",
         {n: level.limits.least for n, level in levels.items()}),
        ("upper_limit_seats", "Configured upper bound on number of execution seats available to each priority level.",
         {n: level.limits.most for n, level in levels.items()}),
        ("current_limit_seats", "Current derived number of execution seats available to each priority level.",
         {n: level.queues.seats for n, level in levels.items()}),
    ):  # fmt: skip
        series: dict[tuple[str, ...], float] = {(level,): float(math.floor(value)) for level, value in values.items()}
        yield Family(f"{prefix}_{name}", "gauge", text, by_level, series)
    yield Family(
        f"{prefix}_current_inqueue_requests", "gauge",
        "Number of requests currently pending in queues of the API Priority and Fairness subsystem", by_schema,
        {(name, schema): n for name, level in levels.items() for schema, n in level.inqueue.items()},
    )  # fmt: skip
    yield Family(
        f"{prefix}_request_wait_duration_seconds", "histogram", "Length of time a request spent waiting in its queue",
        (*by_schema, "execute"), {key: found for name, level in levels.items() for key, found in _waits(name, level)},
    )  # fmt: skip


def _waits(name: str, level: Level) -> Iterator[tuple[tuple[str, ...], Histogram]]:
    """Yield the waits by schema, and whether the request was let through; those that were let in at once have waited for nothing."""
    for schema, dispatched in level.dispatched.items():
        waited = level.waits.get((schema, "true")) or Histogram(WAITS)
        found = Histogram(WAITS)
        found.counts, found.total = list(waited.counts), waited.total
        found.observe_many(0.0, dispatched - sum(waited.counts))
        yield (name, schema, "true"), found
    for (schema, execute), held in level.waits.items():
        if execute == "false":
            yield (name, schema, "false"), held
