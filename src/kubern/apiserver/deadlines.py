"""How long requests may take, watched for all of them together: a timer for each would cost more than many a request.

Called by `edge`. What always holds: a request that is ended has been running for at least what it was allowed, and at most `EVERY`
seconds longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

EVERY = 0.25
"""Seconds between two looks at what is running."""
T = TypeVar("T")


class Deadlines:
    """The running requests of one apiserver, by task."""

    def __init__(self) -> None:
        self._due: dict[_Limit, asyncio.Task[object]] = {}
        self._watched = False

    async def within(self, seconds: float, answer: Awaitable[T]) -> T:
        """Wait for an answer. Raises `Expired` after so many seconds, having cancelled it; the caller's own cancellation
        passes."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        limit = _Limit(loop.time() + seconds, task.cancelling())
        self._due[limit] = task
        if not self._watched:
            self._watched = True
            loop.call_later(EVERY, self._look, loop)
        try:
            result = await answer
        except asyncio.CancelledError as error:
            if limit.ended and task.uncancel() <= limit.cancelling:
                raise Expired from error
            raise
        finally:
            del self._due[limit]
        if limit.ended:
            task.uncancel()  # whoever was cancelled has answered all the same
        return result

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for limit, task in self._due.items():
            if limit.due <= now and not limit.ended:
                limit.ended = True
                task.cancel()
        self._watched = bool(self._due)
        if self._watched:
            loop.call_later(EVERY, self._look, loop)


class Expired(Exception):
    """A request took longer than it may."""


class _Limit:
    __slots__ = ("cancelling", "due", "ended")

    def __init__(self, due: float, cancelling: int) -> None:
        self.due, self.cancelling, self.ended = due, cancelling, False
