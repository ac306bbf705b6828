"""The logs of virtual containers: which lines were written when follows from the pod's status and script, so nothing is stored.

What always holds: the same pod at the same moment has the same log, whoever asks and however often.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from kubern.base.clock import Clock, parse_time, rfc3339_micro
from kubern.base.json import Obj
from kubern.kubelet.server.logs import LogFormatter, LogOptions
from kubern.simulation.answers import Log

KEPT = 10_000
"""Lines that are shown at most, the newest: what was before has been rotated away."""
_LOOK = 1.0
"""Seconds between looks at whether a followed container still runs."""


class Run(NamedTuple):
    """One run of a container: since when, and until when once it has ended."""

    began: datetime
    ended: datetime | None


def run_of(status: Obj | None, previous: bool) -> Run | None:
    """Return the newest run that a container status tells of (or the one before it); None when there is none."""
    state = (status or {}).get("state") or {}
    newest = state.get("running") or state.get("terminated")
    # what waits in back-off has ended: its last run is both the newest and the previous one
    found = newest if newest and not previous else ((status or {}).get("lastState") or {}).get("terminated")
    if not found:
        return None
    ended = found.get("finishedAt")
    return Run(parse_time(found["startedAt"]), parse_time(ended) if ended else None)


def written(log: Log, run: Run, now: datetime) -> int:
    """Return how many lines there are by now."""
    if not log.lines:
        return 0
    if not log.every:
        return len(log.lines)
    return int((min(now, run.ended or now) - run.began).total_seconds() / log.every) + 1


def entry(log: Log, run: Run, number: int) -> bytes:
    """Return line `number`, from 0, as a runtime writes it into a log file."""
    at = run.began + timedelta(seconds=number * log.every)
    return f"{rfc3339_micro(at)} stdout F {log.lines[number % len(log.lines)]}\n".encode()


async def read(log: Log, look: Callable[[], Run | None], options: LogOptions, clock: Clock) -> AsyncIterator[bytes]:
    """Yield a log's output in pieces, the first one at once. `look` tells of the run; None, or one that began later, once it is over."""
    formatter = LogFormatter(options)
    run = look()
    if run is None:
        return
    count = written(log, run, clock.now())
    number = max(0, count - KEPT, count - (KEPT if options.tail is None else options.tail))
    while not formatter.full:
        current = look()
        over = current is None or current.began != run.began or current.ended is not None
        if current is not None and current.began == run.began:
            run = current
        count = written(log, run, clock.now())
        yield b"".join(formatter.format(entry(log, run, each)) for each in range(number, count))
        number = max(number, count)
        if over or not options.follow:
            return
        await clock.sleep(min(_LOOK, log.every or _LOOK))
