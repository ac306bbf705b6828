"""A cycle that takes for ever is ended, and nothing is raised outside of one."""

from __future__ import annotations

import time

import pytest

from kubern.scheduler.framework import Plugin
from kubern.scheduler.watchdog import CycleTooLong, Interrupt, Watchdog


def hang(watchdog: Watchdog, plugin: Plugin) -> None:
    with watchdog.cycle():
        while plugin:
            pass


def test_a_cycle_that_hangs_is_ended_and_the_next_ones_are_not():
    watchdog = Watchdog(time.monotonic, 0.05)
    with watchdog.running():
        for _ in range(3):
            with pytest.raises(CycleTooLong, match=r"plug-in 'Slow' was still not done after 0\.05 s"):
                hang(watchdog, Plugin("Slow"))
            with watchdog.cycle():
                pass


def test_cycles_that_end_close_to_the_limit_leave_nothing_behind():
    watchdog = Watchdog(time.monotonic, 0.002)
    ended = 0
    with watchdog.running():
        for _ in range(200):
            until = time.monotonic() + 0.004
            try:
                with watchdog.cycle():
                    while time.monotonic() < until:
                        pass
            except (CycleTooLong, Interrupt):
                ended += 1
    assert ended


def test_a_clock_that_stands_still_ends_nothing():
    watchdog = Watchdog(lambda: 0.0, 0.01)
    begun = time.monotonic()
    with watchdog.running(), watchdog.cycle():
        while time.monotonic() - begun < 0.1:
            pass
