"""Probing, in the clock's time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kubern.base.clock import FakeClock
from kubern.base.json import Obj
from kubern.kubelet.decide import Checks
from kubern.kubelet.probe import Outcome
from kubern.kubelet.prober import PodProber
from tests.unit.kubelet.pods import NOW, at, container, holds, pod


class Handlers:
    """Answers each probe by the marker in its handler: `ok[marker]`."""

    def __init__(self) -> None:
        self.ok: dict[str, bool] = {}
        self.asked: list[str] = []

    async def check(self, probe: Obj, container: Obj, container_id: str, ip: str, timeout: float) -> Outcome:
        marker = probe["exec"]["command"][0]
        self.asked.append(marker)
        return Outcome(self.ok.get(marker, True), "said so")


class World:
    def __init__(self, **probes: Any) -> None:
        self.clock, self.handlers = FakeClock(NOW), Handlers()
        self.events: list[str] = []
        self.changes = 0
        self.pod = pod(
            {
                f"{kind}Probe": {"exec": {"command": [kind]}, "periodSeconds": 1, "failureThreshold": 2} | probe
                for kind, probe in probes.items()
            }
        )
        self.prober = PodProber(self.handlers, self, self.clock, self._changed)  # type: ignore[arg-type]
        self.seen = holds(container("c0", started_at=at(0)))

    def event(self, regarding: Obj, kind: str, reason: str, message: str, *, field_path: str = "") -> None:
        self.events.append(message)

    def _changed(self) -> None:
        self.changes += 1

    def sync(self, *, ending: bool = False) -> None:
        self.prober.sync(self.pod, self.seen, "10.0.0.1", ending=ending)

    @property
    def found(self) -> Checks:
        return self.prober.checks(self.seen)["c0"]

    async def after(self, seconds: float) -> Checks:
        await asyncio.sleep(0)
        await self.clock.advance(seconds)
        return self.found


async def test_without_probes_a_container_is_started_and_ready() -> None:
    world = World()
    world.sync()
    assert world.found == Checks()


async def test_readiness_is_gained_and_lost_by_thresholds() -> None:
    world = World(readiness={})
    world.sync()
    assert not world.found.ready
    assert (await world.after(0.1)).ready
    world.handlers.ok["readiness"] = False
    assert (await world.after(1)).ready
    assert not (await world.after(1)).ready
    assert world.events[-1] == "Readiness probe failed: said so"
    world.prober.stop()


async def test_liveness_failures_say_why_to_kill() -> None:
    world = World(liveness={"initialDelaySeconds": 5})
    world.handlers.ok["liveness"] = False
    world.sync()
    assert (await world.after(4.9)) == Checks()
    assert world.handlers.asked == []
    assert (await world.after(1.2)).unhealthy == "Container c0 failed liveness probe, will be restarted"
    world.prober.stop()


async def test_a_startup_probe_holds_the_others_back() -> None:
    world = World(startup={}, liveness={}, readiness={})
    world.handlers.ok["startup"] = False
    world.sync()
    assert not (await world.after(0.5)).started
    assert set(world.handlers.asked) == {"startup"}
    world.handlers.ok["startup"] = True
    found = await world.after(1)
    assert (found.started, found.ready) == (True, True)
    assert world.handlers.asked.count("startup") == 2
    await world.after(3)
    assert world.handlers.asked.count("startup") == 2
    world.prober.stop()


async def test_an_ending_pod_is_only_asked_for_its_readiness() -> None:
    world = World(liveness={}, readiness={})
    world.sync()
    await world.after(0.1)
    world.sync(ending=True)
    world.handlers.asked.clear()
    await world.after(3)
    assert set(world.handlers.asked) == {"readiness"}
    world.prober.stop()


@pytest.mark.parametrize(("told", "ready"), [(True, True), (False, False)])
async def test_a_later_kubelet_believes_what_the_api_says(told: bool, ready: bool) -> None:
    world = World(startup={}, readiness={"initialDelaySeconds": 60})
    status = {"containerID": "containerd://c0-0", "started": told, "ready": told}
    world.pod["status"] = {"containerStatuses": [status]}
    world.sync()
    assert world.found == Checks(started=told, ready=ready)
    world.prober.stop()


async def test_a_new_instance_is_probed_afresh() -> None:
    world = World(readiness={})
    world.sync()
    assert (await world.after(0.1)).ready
    world.seen = holds(container("c0", restarts=1, started_at=at(0)))
    world.sync()
    assert not world.found.ready
    world.prober.stop()
