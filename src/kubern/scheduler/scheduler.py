"""The scheduler's loop: tries one waiting pod after the other, hands placed ones to be bound, and says why when none fits.

A placed pod is counted on its node at once ("assumed") and bound in the background, so that the next cycle need not wait for the API.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
from collections.abc import Awaitable, Callable, Iterator

from kubern.base.clock import Clock
from kubern.base.errors import StatusError
from kubern.base.introspection import Introspection
from kubern.base.metrics import Family
from kubern.client.contract import Client
from kubern.client.event_counts import EventCounts
from kubern.client.events import EventRecorder
from kubern.client.informer import Informers
from kubern.scheduler.config import Configuration
from kubern.scheduler.cycle import Placed, Unplaced, schedule
from kubern.scheduler.extended_cycle import schedule_extended
from kubern.scheduler.extender import Extenders
from kubern.scheduler.follower import Follower
from kubern.scheduler.framework import Cycle, Eviction, NoRoom, Plugin, make_room
from kubern.scheduler.meters import ERROR, UNSCHEDULABLE, Meters
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.profile import DEFAULT_NAME, Profile
from kubern.scheduler.queue import Queue, Waiting
from kubern.scheduler.resource_metrics import PATH, pod_resources
from kubern.scheduler.timing import Stopwatch
from kubern.scheduler.watchdog import Interrupt, Watchdog
from kubern.scheduler.writer import Writer, says

log = logging.getLogger(__name__)

FLUSH_EVERY = 30.0
CYCLE_LIMIT = 10.0
"""Seconds that the plug-ins may take over one pod."""
CYCLES_IN_A_ROW = 32
"""After so many the event loop gets its turn, so that a long queue does not hold up the apiserver beside it."""


class Scheduler:
    """All profiles of one program; they share the queue and the view of the cluster."""

    def __init__(self, client: Client, informers: Informers, clock: Clock, config: Configuration) -> None:
        self.profiles = {profile.name: profile for profile in config.profiles}
        self.queue = Queue(config.backoff_first, config.backoff_last)
        self.follower = Follower(informers, self.profiles, self.queue, clock.monotonic)
        self._watchdog = Watchdog(clock.monotonic, CYCLE_LIMIT)
        self._extenders = Extenders(config.extenders)
        self._clock = clock
        self._chance = random.Random()
        self._told = EventCounts()
        self._recorders = {name: EventRecorder(client, name, clock, counts=self._told) for name in self.profiles}
        self._writers = {name: Writer(name, client, recorder, clock) for name, recorder in self._recorders.items()}
        self._wake = asyncio.Event()
        self._synced = False
        self._meters = Meters()
        self._timed = {
            profile.name: Stopwatch(profile.name, profile.plugins, self._meters, clock.monotonic)
            for profile in config.profiles
        }

    def join(self, introspection: Introspection) -> None:
        """Let a program tell what this scheduler counts, and when it knows the cluster."""
        introspection.ready["sched-handler-sync"] = lambda: "" if self._synced else "the cluster is not known yet"
        introspection.sources += [self._families, self._told.families]
        introspection.pages[PATH] = lambda: pod_resources(self.follower.pods())

    def _families(self) -> Iterator[Family]:
        follower = self.follower
        sizes = {
            "nodes": len(follower.columns.rows),
            "pods": follower.columns.pods,
            "assumed_pods": len(follower.assumed),
        }
        return self._meters.families(self.queue, sizes)

    async def run(self) -> None:
        """Schedule until cancelled."""
        self.follower.wake = self._wake.set
        await self.follower.start()
        self._synced = True
        try:
            with self._watchdog.running():
                async with asyncio.TaskGroup() as group:
                    for name, recorder in self._recorders.items():
                        group.create_task(recorder.run(), name=f"events of {name}")
                    group.create_task(self._flush(), name="scheduler flush")
                    await self._loop(group)
        finally:
            await self._extenders.close()

    async def _loop(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._wake.clear()
            for _ in range(CYCLES_IN_A_ROW):
                waiting = self.queue.pop(self._clock.monotonic())
                if waiting is None:
                    break
                if self._extenders.concerning(waiting.pod):
                    await self._try_extended(waiting, group)
                else:
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
        cycle, plugins, timed = self._cycle(waiting)
        try:
            with self.follower.nominations.as_seen_by(cycle.info), self._watchdog.cycle():
                outcome = schedule(cycle, plugins, self._chance, self.follower.nominations)
            self._decided(waiting, timed)
            self._settle(waiting, cycle, outcome, group)
        except (Exception, Interrupt) as error:
            # a plug-in that raises or hangs must not take every other pod's placement with it
            log.exception("scheduling %s/%s failed", cycle.info.namespace, cycle.info.name)
            self._failed(waiting, error, group)

    async def _try_extended(self, waiting: Waiting, group: asyncio.TaskGroup) -> None:
        cycle, plugins, timed = self._cycle(waiting)
        try:
            outcome = await schedule_extended(cycle, plugins, self._extenders, self.follower.nominations, self._chance)
            self._decided(waiting, timed)
            # the pod may be gone, or on a node, by now
            if self.follower.held(cycle.info) is not None and waiting.place == "trying":
                self._settle(waiting, cycle, outcome, group)
        except Exception as error:
            log.exception("scheduling %s/%s failed", cycle.info.namespace, cycle.info.name)
            self._failed(waiting, error, group)

    def _cycle(self, waiting: Waiting) -> tuple[Cycle, list[Plugin], Stopwatch | None]:
        """Return a new cycle with the plug-ins to ask, and what times them if this is a cycle for that."""
        info = waiting.info
        profile = self._profile(info)
        timed = self._timed[profile.name] if self._meters.sampled() else None
        plugins = timed.plugins if timed is not None else profile.plugins
        return Cycle(info, self.follower.columns, self.follower.listers), plugins, timed

    def _decided(self, waiting: Waiting, timed: Stopwatch | None) -> None:
        self._meters.decided(self._clock.monotonic() - waiting.tried)
        if timed is not None:
            timed.ended()

    def _settle(self, waiting: Waiting, cycle: Cycle, outcome: Placed | Unplaced, group: asyncio.TaskGroup) -> None:
        """Let a placed pod be bound, an unplaced one wait."""
        info, profile = cycle.info, self._profile(cycle.info)
        if isinstance(outcome, Unplaced):
            with self.follower.nominations.as_seen_by(info):
                room = self._make_room(cycle, profile, outcome)
            self._refuse(waiting, outcome, room, group)
            self._meters.attempt(profile.name, UNSCHEDULABLE, self._clock.monotonic() - waiting.tried)
            return
        for plugin in profile.plugins:
            if plugin.reserve is not None:
                plugin.reserve(cycle, outcome.node)
        self.follower.assumed.add(info.uid)
        self.follower.nominations.drop(info.uid)
        self.follower.columns.add_pod(info, outcome.node)
        self.queue.remove(info.uid)
        group.create_task(self._bind(waiting, cycle, outcome.node), name="bind")

    def _failed(self, waiting: Waiting, error: BaseException, group: asyncio.TaskGroup) -> None:
        """An attempt that went wrong: it is made again after a back-off."""
        info = waiting.info
        self.queue.failed(waiting, (), self._clock.monotonic(), error=True)
        self._erred(waiting)
        self._say(info, "SchedulerError", f"running the plug-ins: {error}", None, group)

    def _profile(self, info: PodInfo) -> Profile:
        return self.profiles[info.pod["spec"].get("schedulerName", DEFAULT_NAME)]

    def _make_room(self, cycle: Cycle, profile: Profile, outcome: Unplaced) -> Eviction | NoRoom | None:
        """Return whose end would help, None when there is nobody to ask."""
        if outcome.helpable is None:
            return None
        begun = self._clock.monotonic()
        room = make_room(cycle, profile.plugins, outcome.helpable, self._chance)
        if room is not None:
            self._meters.point("PostFilter", "Success", profile.name, self._clock.monotonic() - begun)
            self._meters.preempted(len(room.victims) if isinstance(room, Eviction) else 0)
        return room

    def _refuse(
        self, waiting: Waiting, outcome: Unplaced, room: Eviction | NoRoom | None, group: asyncio.TaskGroup
    ) -> None:
        """Put the pod back, say why, and let those leave that are in its way."""
        info, message, claim = waiting.info, outcome.message, None
        writer = self._writers[self._profile(info).name]
        if isinstance(room, NoRoom):
            message += f" {room.text}" if room.said else ""
            for each in room.said:
                if each.then is not None:
                    group.create_task(writer.carry_out(info, each.then), name="post filter")
            # what is held here is newer than what the pod says
            if room.said and not room.ineligible and self.follower.nominations.node_of(info.uid):
                claim = ""
        elif room is not None:
            claim = room.node
            for rival in self.follower.nominations.overrule(info, room.node):
                group.create_task(writer.disclaim(rival), name="disclaim")
            for victim in room.victims:
                group.create_task(writer.evict(victim, info, room.node), name="evict")
        if claim is not None:
            self.follower.nominations.set(info, claim)
        claimed = self.follower.nominations.node_of(info.uid)
        self.queue.failed(waiting, outcome.refused_by, self._clock.monotonic(), claim=claimed)
        self._say(info, "Unschedulable", message, claim, group)

    def _say(self, info: PodInfo, reason: str, message: str, claim: str | None, group: asyncio.TaskGroup) -> None:
        """Record the event and the condition, unless the pod says so already."""
        if claim is None and says(info.pod, reason, message):
            return
        writer = self._writers[self._profile(info).name]
        writer.refused(info.pod, message)
        group.create_task(writer.report(info.pod, reason, message, claim), name="report")

    async def _bind(self, waiting: Waiting, cycle: Cycle, node: str) -> None:
        """Bind in the background. When that fails the pod is not on the node after all, and is tried again unless it is gone or bound."""
        info = cycle.info
        profile = self._profile(info)
        try:
            refusal = await self._permitted(cycle, node, profile)
            if not refusal:
                await self._writers[profile.name].bind(cycle, node, profile.plugins, self._binder(cycle, node))
                self._meters.bound(profile.name, waiting, self._clock.monotonic())
                for plugin in profile.plugins:
                    if plugin.post_bind is not None:
                        plugin.post_bind(cycle, node)
                return
            log.info("%s/%s may not go to %s: %s", info.namespace, info.name, node, refusal)
        except StatusError as error:
            log.warning("binding %s/%s: %s", info.namespace, info.name, error)
        except Exception:
            # a plug-in's mistake concerns its pod, not the scheduler
            log.exception("binding %s/%s failed", info.namespace, info.name)
        self._erred(waiting)
        self._undo(cycle, node, profile)

    def _erred(self, waiting: Waiting) -> None:
        profile = self._profile(waiting.info)
        self._meters.attempt(profile.name, ERROR, self._clock.monotonic() - waiting.tried)

    def _binder(self, cycle: Cycle, node: str) -> Callable[[], Awaitable[None]] | None:
        """Return what binds the pod instead of a Binding: an extender that wants to."""
        extender = next((each for each in self._extenders.concerning(cycle.pod) if each.bind), None)
        return functools.partial(self._extenders.bind, extender, cycle.pod, node) if extender else None

    async def _permitted(self, cycle: Cycle, node: str, profile: Profile) -> str:
        """Return why a plug-in does not let the pod go to the node, empty when all do."""
        for plugin in profile.plugins:
            if plugin.permit is not None and (refusal := await plugin.permit(cycle, node)):
                return refusal
        return ""

    def _undo(self, cycle: Cycle, node: str, profile: Profile) -> None:
        """Take a pod off the node that it was assumed on, and let it be tried again after its back-off."""
        info = cycle.info
        self.follower.assumed.discard(info.uid)
        for plugin in profile.plugins:
            if plugin.unreserve is not None:
                plugin.unreserve(cycle, node)
        held = self.follower.held(info)
        if held is not None and held["spec"].get("nodeName"):
            return
        self.follower.columns.remove_pod(info.uid)
        if held is not None and self.follower.mine(held):
            self.queue.again(PodInfo(held), self._clock.monotonic())
            self._wake.set()
