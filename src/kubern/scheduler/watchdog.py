"""Ends a scheduling cycle that takes for ever: a user's plug-in that hangs must not keep all other pods from being placed.

A thread looks every second, and raises an exception in the scheduler's thread, which Python does between two of its instructions: a loop
in Python ends, a call into C ends with what it waits for. What always holds: outside a cycle nothing is raised.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from kubern.scheduler.framework import Plugin

PERIOD = 1.0
_DELIVERY = 1000
"""How often the end of a cycle looks for an exception that is on its way: far more often than it takes."""


class CycleTooLong(Exception):
    """A cycle was ended. The text names the plug-in that was being asked, if one was."""


class Interrupt(BaseException):
    """What is raised in the scheduler's thread: no `except Exception` of a plug-in takes it for its own. It may arrive at the very end
    of a cycle, and is then all that is known."""


class Watchdog:
    """Watches the cycles of one scheduler, each of which may take `limit` seconds."""

    def __init__(self, monotonic: Callable[[], float], limit: float) -> None:
        self._monotonic = monotonic
        self._limit = limit
        self._lock = threading.Lock()
        self._begun: float | None = None
        self._thread = 0
        self._raised = False
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch while the block runs."""
        thread = threading.Thread(target=self._watch, name="scheduler watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._over.wait(min(PERIOD, self._limit)):
            with self._lock:
                late = self._begun is not None and self._monotonic() - self._begun > self._limit
                if late and not self._raised:
                    self._raised = True
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(self._thread), ctypes.py_object(Interrupt)
                    )

    @contextmanager
    def cycle(self) -> Iterator[None]:
        """A cycle. Raises `CycleTooLong` when it was ended."""
        self._raised, self._thread = False, threading.get_ident()
        self._begun = self._monotonic()
        try:
            try:
                yield
            finally:
                with self._lock:
                    self._begun = None
                if self._raised:
                    self._take_delivery()
        except Interrupt as interrupt:
            name = _asked(interrupt.__traceback__)
            who = f"plug-in {name!r} was" if name else "the plug-ins were"
            raise CycleTooLong(f"{who} still not done after {self._limit:g} s") from None

    def _take_delivery(self) -> None:
        """Let an exception that is on its way arrive here, and not behind the cycle."""
        for _ in range(_DELIVERY):
            self._over.is_set()


def _asked(traceback: TracebackType | None) -> str:
    """Return the name of the plug-in that was being asked."""
    name = ""
    while traceback is not None:
        found = traceback.tb_frame.f_locals.get("plugin")
        name = found.name if isinstance(found, Plugin) else name
        traceback = traceback.tb_next
    return name
