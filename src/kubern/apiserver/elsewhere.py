"""The part of a request's time that is not the server's own: in the queue of priority and fairness, and at webhooks.

Set up by `edge` for a request that waits for something, added to by those who make it wait, left out of the metric
`apiserver_request_sli_duration_seconds`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Elsewhere:
    """The seconds that one request has spent elsewhere."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0


CURRENT: ContextVar[Elsewhere | None] = ContextVar("elsewhere", default=None)


@contextmanager
def elsewhere(monotonic: Callable[[], float]) -> Iterator[None]:
    """Count the time of the block as spent elsewhere."""
    begun, found = monotonic(), CURRENT.get()
    try:
        yield
    finally:
        if found is not None:
            found.seconds += monotonic() - begun
