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
