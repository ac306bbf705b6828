"""Fair queues of one priority level: who may run next when there are fewer seats than requests.

Used by `levels.Level`; pure: no clock, no tasks. Each queue has a virtual time, which moves on by the seat-seconds that its
requests use; the queue that has had the least is served next. What always holds: a seat is never free while a request that fits waits;
a queue that was empty starts at the present virtual time, so that idleness is not saved up.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Any, NamedTuple

GUESS = 0.003
"""Seconds that a request is taken to run until it is known."""


class Shape(NamedTuple):
    """A level's queuing: how many queues, how many of them a flow may use, how many requests one holds."""

    queues: int
    hand_size: int
    length_limit: int


class Queue:
    """One queue of a level."""

    __slots__ = ("index", "tickets", "virtual")

    def __init__(self, index: int) -> None:
        self.index = index
        self.tickets: deque[Ticket] = deque()
        self.virtual = 0.0
        """Virtual time at which the next request of the queue starts."""


class Ticket:
    """A request that waits, or has waited, in a queue."""

    __slots__ = ("queue", "turn", "width")

    def __init__(self, queue: Queue, width: int, turn: Any) -> None:
        self.queue = queue
        self.width = width
        self.turn = turn
        """The waiting party's own."""


class FairQueues:
    """The queues and the seats of a level."""

    def __init__(self, shape: Shape | None, seats: int) -> None:
        self.shape = shape
        self.seats = seats
        self.in_use = 0
        self.waiting = 0
        """Requests in all queues."""
        self.waiting_seats = 0
        self._virtual = 0.0
        self._queues = [Queue(index) for index in range(shape.queues)] if shape else []
        self._busy: dict[int, Queue] = {}

    def take(self, width: int) -> bool:
        """Take seats at once; False when they are not free or others wait."""
        if self.waiting or (self.in_use and self.in_use + width > self.seats) or not self.seats:
            return False
        self.in_use += width
        return True

    def put(self, flow: str, width: int, turn: Any) -> Ticket | None:
        """Let a request of `flow` wait in the shortest queue of its hand; None when that one is full."""
        if self.shape is None:
            return None
        hand = deal(flow, self.shape.queues, self.shape.hand_size)
        queue = min((self._queues[index] for index in hand), key=lambda queue: len(queue.tickets))
        if len(queue.tickets) >= self.shape.length_limit:
            return None
        if not queue.tickets:
            queue.virtual = max(queue.virtual, self._virtual)
            self._busy[queue.index] = queue
        ticket = Ticket(queue, width, turn)
        queue.tickets.append(ticket)
        self.waiting += 1
        self.waiting_seats += width
        return ticket

    def next(self) -> Ticket | None:
        """Seat the request whose turn it is; None when nobody waits or the seats do not suffice.

        A request wider than all seats runs when it can be alone."""
        if not self._busy:
            return None
        queue = min(self._busy.values(), key=lambda queue: (queue.virtual, queue.index))
        ticket = queue.tickets[0]
        if not self.seats or (self.in_use and self.in_use + ticket.width > self.seats):
            return None
        self.remove(ticket)
        self.in_use += ticket.width
        self._virtual = max(self._virtual, queue.virtual)
        queue.virtual += ticket.width * GUESS
        return ticket

    def holds(self, ticket: Ticket) -> bool:
        """Whether a request waits here."""
        return self._busy.get(ticket.queue.index) is ticket.queue and ticket in ticket.queue.tickets

    def remove(self, ticket: Ticket) -> None:
        """Take a waiting request out of its queue."""
        queue = ticket.queue
        queue.tickets.remove(ticket)
        if not queue.tickets:
            self._busy.pop(queue.index, None)
        self.waiting -= 1
        self.waiting_seats -= ticket.width

    def release(self, width: int) -> None:
        """Give seats back."""
        self.in_use -= width

    @staticmethod
    def settle(ticket: Ticket, seconds: float) -> None:
        """Replace the guess of what a request used by what it did use."""
        ticket.queue.virtual += ticket.width * (seconds - GUESS)


def deal(flow: str, queues: int, hand_size: int) -> list[int]:
    """Return the `hand_size` different queues of a flow: equal for equal flows, and seldom all the same for two."""
    value = int.from_bytes(hashlib.blake2b(flow.encode(), digest_size=16).digest(), "big")
    cards = list(range(queues))
    hand = []
    for _ in range(min(hand_size, queues)):
        value, index = divmod(value, len(cards))
        hand.append(cards.pop(index))
    return hand
