"""The scheduler's loop: tries one waiting pod after the other, hands placed ones to be bound, and says why when none fits.

A placed pod is counted on its node at once ("assumed") and bound in the background, so that the next cycle need not wait for the API.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence

from kubern.base.clock import Clock
from kubern.base.errors import StatusError
from kubern.client.contract import Client
from kubern.client.events import EventRecorder
from kubern.client.informer import Informers
from kubern.scheduler.cycle import Unplaced, schedule
from kubern.scheduler.follower import Follower
from kubern.scheduler.framework import Cycle, Eviction, Helpless
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.profile import DEFAULT_NAME, Profile
from kubern.scheduler.queue import Queue, Waiting
from kubern.scheduler.writer import Writer, says

log = logging.getLogger(__name__)

FLUSH_EVERY = 30.0
CYCLES_IN_A_ROW = 32
"""After so many the event loop gets its turn, so that a long queue does not hold up the apiserver beside it."""


class Scheduler:
    """All profiles of one program; they share the queue and the view of the cluster."""

    def __init__(self, client: Client, informers: Informers, clock: Clock, profiles: Sequence[Profile]) -> None:
        self.profiles = {profile.name: profile for profile in profiles}
        self.queue = Queue()
        self.follower = Follower(informers, self.profiles, self.queue, clock.monotonic)
        self._clock = clock
        self._chance = random.Random()
        self._recorders = {name: EventRecorder(client, name, clock) for name in self.profiles}
        self._writers = {name: Writer(name, client, recorder, clock) for name, recorder in self._recorders.items()}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Schedule until cancelled."""
        self.follower.wake = self._wake.set
        await self.follower.start()
        async with asyncio.TaskGroup() as group:
            for name, recorder in self._recorders.items():
                group.create_task(recorder.run(), name=f"events of {name}")
            group.create_task(self._flush(), name="scheduler flush")
            await self._loop(group)

    async def _loop(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._wake.clear()
            for _ in range(CYCLES_IN_A_ROW):
                waiting = self.queue.pop(self._clock.monotonic())
                if waiting is None:
                    break
                self._try(waiting, group)
            else:
                await self._clock.sleep(0)
                continue
            await self._wait(group)

    async def _wait(self, group: asyncio.TaskGroup) -> None:
        """Wait for a change, or for the first pod whose back-off is over."""
        seconds = self.queue.next_wake(self._clock.monotonic())
        alarm = group.create_task(self._ring(seconds)) if seconds is not None else None
        try:
            await self._wake.wait()
        finally:
            if alarm is not None:
                alarm.cancel()

    async def _ring(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._wake.set()

    async def _flush(self) -> None:
        while True:
            await self._clock.sleep(FLUSH_EVERY)
            self.queue.flush(self._clock.monotonic())
            self._wake.set()

    def _try(self, waiting: Waiting, group: asyncio.TaskGroup) -> None:
        info = waiting.info
        profile = self._profile(info)
        cycle = Cycle(info, self.follower.columns, self.follower.listers)
        nominations = self.follower.nominations
        try:
            with nominations.as_seen_by(info):
                outcome = schedule(cycle, profile.plugins, self._chance, nominations)
                room = self._make_room(cycle, profile, outcome) if isinstance(outcome, Unplaced) else None
            if isinstance(outcome, Unplaced):
                self._refuse(waiting, outcome, room, group)
                return
            for plugin in profile.plugins:
                if plugin.reserve is not None:
                    plugin.reserve(cycle, outcome.node)
        except Exception as error:
            # a plug-in that raises must not take every other pod's placement with it
            log.exception("scheduling %s/%s failed", info.namespace, info.name)
            self.queue.failed(waiting, (), self._clock.monotonic(), error=True)
            self._say(info, "SchedulerError", f"running the plug-ins: {error}", None, group)
            return
        self.follower.assumed.add(info.uid)
        nominations.drop(info.uid)
        self.follower.columns.add_pod(info, outcome.node)
        self.queue.remove(info.uid)
        group.create_task(self._bind(cycle, outcome.node), name="bind")

    def _profile(self, info: PodInfo) -> Profile:
        return self.profiles[info.pod["spec"].get("schedulerName", DEFAULT_NAME)]

    def _make_room(self, cycle: Cycle, profile: Profile, outcome: Unplaced) -> Eviction | Helpless | None:
        """Return whose end would help, None when nobody asks."""
        if outcome.helpable is None:
            return None
        found: Helpless | None = None
        for plugin in profile.plugins:
            if plugin.post_filter is not None:
                room = plugin.post_filter(cycle, profile.plugins, outcome.helpable, self._chance)
                if isinstance(room, Eviction):
                    return room
                found = room
        return found

    def _refuse(
        self, waiting: Waiting, outcome: Unplaced, room: Eviction | Helpless | None, group: asyncio.TaskGroup
    ) -> None:
        """Put the pod back, say why, and let those leave that are in its way."""
        info, message, claim = waiting.info, outcome.message, None
        writer = self._writers[self._profile(info).name]
        self.queue.failed(waiting, outcome.refused_by, self._clock.monotonic())
        if isinstance(room, Helpless):
            message += f" preemption: {room.message}"
            if not room.ineligible and (info.pod.get("status") or {}).get("nominatedNodeName"):
                claim = ""
        elif room is not None:
            claim = room.node
            for rival in self.follower.nominations.overrule(info, room.node):
                group.create_task(writer.disclaim(rival), name="disclaim")
            for victim in room.victims:
                group.create_task(writer.evict(victim, info, room.node), name="evict")
        if claim is not None:
            self.follower.nominations.set(info, claim)
        self._say(info, "Unschedulable", message, claim, group)

    def _say(self, info: PodInfo, reason: str, message: str, claim: str | None, group: asyncio.TaskGroup) -> None:
        """Record the event and the condition, unless the pod says so already."""
        if claim is None and says(info.pod, reason, message):
            return
        writer = self._writers[self._profile(info).name]
        writer.refused(info.pod, message)
        group.create_task(writer.report(info.pod, reason, message, claim), name="report")

    async def _bind(self, cycle: Cycle, node: str) -> None:
        """Bind in the background. When that fails the pod is not on the node after all, and is tried again unless it is gone or bound."""
        info = cycle.info
        profile = self._profile(info)
        try:
            await self._writers[profile.name].bind(cycle, node, profile.plugins)
            return
        except StatusError as error:
            log.warning("binding %s/%s: %s", info.namespace, info.name, error)
        self.follower.assumed.discard(info.uid)
        for plugin in profile.plugins:
            if plugin.unreserve is not None:
                plugin.unreserve(cycle, node)
        held = self.follower.held(info)
        if held is not None and held["spec"].get("nodeName"):
            return
        self.follower.columns.remove_pod(info.uid)
        if held is not None and self.follower.mine(held):
            self.follower.enqueue(held)
