"""Counts what becomes of a program's Events: what recorders fill and a program's port shows. Upstream has no such metric."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kubern.base.metrics import Family

SENT, LIMITED, LOST, REFUSED = "sent", "limited", "lost", "refused"
"""Written down; held back, as its object had been spoken of enough; dropped, as too many waited or the server was away for too long;
not taken by the server."""


class EventCounts:
    """The Events of all recorders of a program."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()

    def count(self, component: str, outcome: str) -> None:
        """Count an Event."""
        self._counts[component, outcome] += 1

    def of(self, component: str, outcome: str) -> int:
        """Return how many Events of a component ended so."""
        return self._counts[component, outcome]

    def families(self) -> Iterator[Family]:
        """Yield the metrics."""
        text = "Number of Events by what became of them: sent, limited, lost or refused."
        yield Family("kubern_events_total", "counter", text, ("component", "outcome"), dict(self._counts))
