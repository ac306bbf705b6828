"""One priority level at work: its queues, its seats, what it counts. Made by `control.FlowControl`."""

from __future__ import annotations

from collections import Counter

from kubern.apiserver.flow.queues import FairQueues, Shape, Ticket
from kubern.apiserver.flow.seats import Demand, Limits
from kubern.base.json import Obj
from kubern.base.metrics import Histogram

_DECAY = 0.977
"""A smoothed demand halves in some five minutes of ten-second periods, as upstream's."""

WAITS = (0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)
"""Bounds of the seconds that requests wait, as upstream counts them."""


class Level:
    """A PriorityLevelConfiguration's state, which outlives changes of the object."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.uid = ""
        self.exempt = False
        self.limits = Limits(0, 0, 0)
        self.queues = FairQueues(None, 0)
        self.spent = 0
        """Seats of requests that were answered at once, given back at the loop's next turn."""
        self.rejected: Counter[tuple[str, str]] = Counter()
        """Refusals by schema and reason."""
        self.dispatched: Counter[str] = Counter()
        self.inqueue: Counter[str] = Counter()
        """Requests that wait, by schema."""
        self.waits: dict[tuple[str, str], Histogram] = {}
        """How long requests have waited, by schema and whether they were let through in the end: `true`, `false`."""
        self._retired: list[FairQueues] = []
        self._high = 0
        self._smooth = 0.0

    def configure(self, obj: Obj) -> None:
        """Take a new specification. Requests that wait in queues of another shape get their turn first."""
        spec = obj["spec"]
        self.uid, self.exempt = obj["metadata"].get("uid", ""), spec["type"] == "Exempt"
        queuing = ((spec.get("limited") or {}).get("limitResponse") or {}).get("queuing")
        shape = Shape(queuing["queues"], queuing["handSize"], queuing["queueLengthLimit"]) if queuing else None
        if shape == self.queues.shape:
            return
        new = FairQueues(shape, self.queues.seats)
        new.in_use, self.queues.in_use = self.queues.in_use, 0
        if self.queues.waiting:
            self._retired.append(self.queues)
        self.queues = new

    def waited(self, schema: str, seconds: float, *, executed: bool) -> None:
        """A request's waiting is over."""
        key = (schema, str(executed).lower())
        if key not in self.waits:
            self.waits[key] = Histogram(WAITS)
        self.waits[key].observe(seconds)

    @property
    def wanted(self) -> int:
        """Seats in use and waited for."""
        return self.queues.in_use + self.queues.waiting_seats

    def observe(self) -> None:
        """Note the present demand; called when seats are taken for longer or waited for."""
        self._high = max(self._high, self.wanted)

    def demand(self) -> Demand:
        """Return the demand of the period that ends now, and begin another one."""
        high, self._high = float(max(self._high, self.wanted)), self.wanted
        self._smooth = max(high, self._smooth * _DECAY + high * (1 - _DECAY))
        return Demand(high, self._smooth)

    def next(self) -> Ticket | None:
        """Seat the request whose turn it is, or return None."""
        while self._retired:
            old = self._retired[0]
            old.seats, old.in_use = self.queues.seats, self.queues.in_use
            ticket = old.next()
            if ticket:
                self.queues.in_use = old.in_use
                return ticket
            if old.waiting:
                return None
            self._retired.pop(0)
        return self.queues.next()

    def withdraw(self, ticket: Ticket) -> None:
        """Forget a request that waits no longer, in whichever queue it is."""
        for queues in (self.queues, *self._retired):
            if queues.holds(ticket):
                queues.remove(ticket)
                return
