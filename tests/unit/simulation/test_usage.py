"""What virtual pods are said to use."""

from __future__ import annotations

import pytest

from kubern.base.clock import FakeClock
from kubern.simulation.usage import CPU, MEMORY, VirtualUsage


def pod(annotations=None, phase="Running"):
    container = {"name": "app", "resources": {"requests": {"cpu": "200m", "memory": "1Ki"}}}
    return {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u", "annotations": annotations or {}},
        "spec": {"containers": [container]},
        "status": {"phase": phase, "startTime": "2026-01-01T00:00:00Z"},
    }


@pytest.mark.parametrize(
    ("annotations", "cores", "memory"),
    [
        pytest.param({CPU: "1500m", MEMORY: "4Ki"}, 1.5, 4096, id="said"),
        pytest.param({}, 0.2, 1024, id="requested"),
        pytest.param({CPU: "lots"}, 0.2, 1024, id="no quantity"),
    ],
)
async def test_counters_grow_with_time(annotations, cores, memory):
    clock = FakeClock()
    usage = VirtualUsage(clock)
    await clock.advance(10)
    first = usage.summary("n", [pod(annotations)])
    await clock.advance(20)
    last = usage.summary("n", [pod(annotations)])
    counters = [s["pods"][0]["containers"][0]["cpu"]["usageCoreNanoSeconds"] for s in (first, last)]
    assert counters == [int(cores * 10 * 10**9), int(cores * 30 * 10**9)]
    assert last["node"]["memory"]["workingSetBytes"] == memory


def test_what_does_not_run_uses_nothing():
    assert VirtualUsage(FakeClock()).summary("n", [pod(phase="Pending")])["pods"] == []


async def test_counters_are_those_of_the_summary():
    clock = FakeClock()
    usage = VirtualUsage(clock)
    held, idle = pod({CPU: "500m", MEMORY: "2Ki"}), pod(phase="Pending")
    await clock.advance(10)
    found = usage.counters("n", [held, idle])
    assert set(found) == {("ns", "p", "app"), ("", "n", "")}
    first = found["ns", "p", "app"]
    assert (first.cpu, first.memory, first.start) == (5.0, 2048, 1767225600.0)
    assert found["", "n", ""] == (first.time, 5.0, 2048, 0.0)
    changed = pod({CPU: "1", MEMORY: "2Ki"})
    await clock.advance(10)
    assert usage.counters("n", [changed])["ns", "p", "app"].cpu == 15.0
    usage.forget(changed)
    assert usage.counters("n", [changed])["ns", "p", "app"].cpu == 20.0
