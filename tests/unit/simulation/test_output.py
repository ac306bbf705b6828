"""Logs that follow from a pod's status: the same at the same moment, whoever asks."""

import asyncio
from datetime import timedelta

import pytest

from kubern.base.clock import FakeClock, rfc3339
from kubern.kubelet.server.logs import LogOptions
from kubern.simulation.answers import Log
from kubern.simulation.output import KEPT, Run, read, run_of, written

BEGAN = FakeClock().now()
RUNNING = {"state": {"running": {"startedAt": rfc3339(BEGAN)}}}
ENDED = {"startedAt": rfc3339(BEGAN), "finishedAt": rfc3339(BEGAN + timedelta(seconds=9))}
OVER = Run(BEGAN, BEGAN + timedelta(seconds=9))


@pytest.mark.parametrize(
    ("status", "previous", "expected"),
    [
        (None, False, None),
        ({"state": {"waiting": {}}}, False, None),
        (RUNNING, False, Run(BEGAN, None)),
        (RUNNING, True, None),
        (RUNNING | {"lastState": {"terminated": ENDED}}, True, OVER),
        ({"state": {"terminated": ENDED}}, False, OVER),
        ({"state": {"terminated": ENDED}}, True, None),
        ({"state": {"waiting": {}}, "lastState": {"terminated": ENDED}}, False, OVER),
        ({"state": {"waiting": {}}, "lastState": {"terminated": ENDED}}, True, OVER),
    ],
)
def test_which_run_a_status_tells_of(status, previous, expected):
    assert run_of(status, previous) == expected


@pytest.mark.parametrize(
    ("log", "seconds", "expected"),
    [
        (Log((), 1.0), 100, 0),
        (Log(("a", "b"), 0.0), 100, 2),
        (Log(("a",), 2.0), 0, 1),
        (Log(("a",), 2.0), 5, 3),
        (Log(("a",), 2.0), 1000, 5),
    ],
)
def test_how_many_lines_there_are(log, seconds, expected):
    assert written(log, OVER, BEGAN + timedelta(seconds=seconds)) == expected


async def shown(log, run, options, clock):
    return b"".join([piece async for piece in read(log, lambda: run, options, clock)])


async def test_tail_limit_and_timestamps_are_those_of_a_real_log():
    clock, log = FakeClock(), Log(("a", "b"), 1.0)
    await clock.advance(4)
    run = Run(BEGAN, None)
    assert await shown(log, run, LogOptions(), clock) == b"a\nb\na\nb\na\n"
    assert await shown(log, run, LogOptions(tail=2), clock) == b"b\na\n"
    assert await shown(log, run, LogOptions(tail=0), clock) == b""
    assert await shown(log, run, LogOptions(limit=3), clock) == b"a\nb"
    assert await shown(log, run, LogOptions(since=BEGAN + timedelta(seconds=3)), clock) == b"b\na\n"
    stamped = await shown(log, run, LogOptions(tail=1, timestamps=True), clock)
    assert stamped == b"2026-01-01T00:00:04.000000000Z a\n"
    await clock.advance(10 * KEPT)
    assert (await shown(log, run, LogOptions(), clock)).count(b"\n") == KEPT


async def test_a_followed_log_ends_with_its_run():
    clock, log, held = FakeClock(), Log(("a",), 1.0), {"run": Run(BEGAN, None)}
    pieces = []

    async def follow():
        async for piece in read(log, lambda: held["run"], LogOptions(follow=True), clock):
            pieces.append(piece)

    task = asyncio.ensure_future(follow())
    await clock.advance(3)
    assert b"".join(pieces).startswith(b"a\n")
    held["run"] = Run(BEGAN, clock.now())
    await clock.advance(2)
    await asyncio.wait_for(task, 5)
    assert b"".join(pieces) == b"a\na\na\na\n"
