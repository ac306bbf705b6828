"""One task a pod: look, decide, tell the API, act, wait until something changes. All the deciding is in `decide` and `status`.

A change of the pod, of a container, or of a probe's finding wakes it; nothing is waited for by polling here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from datetime import datetime
from pathlib import Path

from kubern.base.backoff import Backoff
from kubern.base.clock import parse_time
from kubern.base.errors import NotFound, StatusError
from kubern.base.json import Obj
from kubern.kubelet import decide as d
from kubern.kubelet.acting import Actor, Scene, Tools, log_dir
from kubern.kubelet.configs import log_path
from kubern.kubelet.devices.claims import ClaimError
from kubern.kubelet.looking import Looker
from kubern.kubelet.objects import PODS
from kubern.kubelet.observed import Observed, restart_count
from kubern.kubelet.podspec import INIT, MAIN, grace_period, host_network, is_finished, key, steps, uid
from kubern.kubelet.prober import PodProber
from kubern.kubelet.publishing import Publisher
from kubern.kubelet.recording import WARNING
from kubern.kubelet.runtime.contract import RuntimeFailure
from kubern.kubelet.status import Known, Verdict, pod_status
from kubern.kubelet.volume import VolumeError

_log = logging.getLogger(__name__)


class PodWorker:
    """Brings one pod to where its object says, and keeps it there until it is gone."""

    def __init__(self, pod: Obj, tools: Tools) -> None:
        self.pod = pod
        self._tools = tools
        self._looker = Looker(tools.runtime, tools.settings, pod)
        self._publisher = Publisher(tools.client, tools.clock, pod)
        self._prober = PodProber(tools.handlers, tools.events, tools.clock, self.wake)
        self._wake = asyncio.Event()
        self._interrupt = asyncio.Event()
        self._retries = Backoff(0.5, 10.0)
        self._actor = Actor(tools)
        for each in _container_statuses(pod):
            # what a former kubelet gave them
            self._actor.applied[each["name"]] = each.get("resources") or {}
        self._verdict: Verdict | None = None
        self._gone = False
        self._cleaned = False
        self._ending = False
        self._glances = 0
        self.status: Obj = pod.get("status") or {}
        """The newest status, as it is or is about to be in the API."""
        self.seen = Observed()
        started = self.status.get("startTime")
        self._start_time: datetime = parse_time(started) if started else tools.clock.now()

    # What happens to the pod from outside

    def update(self, pod: Obj) -> None:
        """Take the pod's newer object over."""
        old, self.pod = self.pod, pod
        if any(old["metadata"].get(name) != pod["metadata"].get(name) for name in ("labels", "annotations")):
            # files of the downward API show them
            self._actor.refreshed = float("-inf")
        ends_sooner = grace_period(pod) < grace_period(old)
        if pod["metadata"].get("deletionTimestamp") and (not old["metadata"].get("deletionTimestamp") or ends_sooner):
            self._interrupt.set()
        self._wake.set()

    def removed(self) -> None:
        """The pod's object is gone from the API: end whatever is left of it."""
        self._gone = True
        self._interrupt.set()
        self._wake.set()

    def evict(self, reason: str, message: str) -> None:
        """End the pod for good: its phase becomes Failed for this reason."""
        self._verdict = Verdict(reason, message)
        self._interrupt.set()
        self._wake.set()

    def wake(self) -> None:
        """Look again: something of the pod changed."""
        self._wake.set()

    def logs(self) -> list[tuple[str, Path]]:
        """Return the log files of its running containers, with the containers' ids."""
        folder = log_dir(self._tools.settings, self.pod)
        return [(each.id, folder / log_path(each.name, restart_count(each))) for each in self.seen.running()]

    # The loop

    async def run(self) -> None:
        """Work until the pod is gone from the node and from the API."""
        try:
            while True:
                self._wake.clear()
                try:
                    pause = await self._step()
                    self._retries.reset("step")
                except (RuntimeFailure, VolumeError, ClaimError, StatusError, OSError) as error:
                    self._failed(error)
                    pause = self._retries.next("step")
                if pause is None:
                    return
                await self._sleep(pause)
        finally:
            self._prober.stop()
            self._publisher.stop()

    def _failed(self, error: Exception) -> None:
        _log.warning("sync failed: %s", error, extra={"pod": key(self.pod)})
        if isinstance(error, VolumeError):
            self._tools.events.event(self.pod, WARNING, "FailedMount", str(error))
        elif isinstance(error, ClaimError) and not self._ending:
            text = f"Failed to prepare dynamic resources: {error}"
            self._tools.events.event(self.pod, WARNING, "FailedPrepareDynamicResources", text)
        elif isinstance(error, RuntimeFailure):
            self._tools.events.event(self.pod, WARNING, "FailedSync", f"error determining status: {error.message}")

    async def _sleep(self, seconds: float) -> None:
        """Return when woken or after that many seconds."""
        if seconds <= 0 or self._wake.is_set():
            return
        woken = asyncio.create_task(self._wake.wait())
        late = asyncio.create_task(self._tools.clock.sleep(seconds))
        try:
            await asyncio.wait((woken, late), return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            late.cancel()

    async def _step(self) -> float | None:
        """Look, decide, act once; return the seconds to wait, None when the pod is gone."""
        self._interrupt.clear()
        self.seen = await self._looker.look()
        plan = d.decide(self._situation())
        if plan.deadline_exceeded and self._verdict is None:
            self._verdict = Verdict("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
            self._tools.events.event(self.pod, "Normal", "DeadlineExceeded", self._verdict.message)
        self._ending = plan.finished or any(isinstance(action, d.Terminate) for action in plan.actions)
        self._prober.sync(self.pod, self.seen, self._ip(), ending=self._ending)
        self._publish(plan)
        if plan.finished:
            return await self._finish()
        now = self._tools.clock.monotonic()
        due = [
            a
            for a in plan.actions
            if not isinstance(a, d.StartContainer) or self._actor.not_before.get(a.name, 0) <= now
        ]
        if due:
            await self._interruptible(due, plan)
            return 0
        await self._refresh()
        return self._pause(plan, now)

    def _pause(self, plan: d.Plan, now: float) -> float:
        waits = [
            self._tools.settings.sync_frequency,
            *(max(at - now, 0.01) for at in self._actor.not_before.values() if at > now),
        ]
        if plan.requeue_after is not None:
            waits.append(plan.requeue_after)
        if self._short_lived_runs():
            # what is meant to end may end at once: looking soon, then less and less often, until the relist is as good
            self._glances += 1
            waits.append(min(0.05 * 1.5**self._glances, 1.0))
        return min(waits)

    def _short_lived_runs(self) -> bool:
        roles = {step.name: step.role for step in steps(self.pod)}
        to_end = self.pod["spec"].get("restartPolicy") != "Always"
        return any(
            roles.get(each.name) == INIT or (to_end and roles.get(each.name) == MAIN) for each in self.seen.running()
        )

    def _situation(self) -> d.Situation:
        return d.Situation(
            pod=self.pod,
            observed=self.seen,
            now=self._tools.clock.now(),
            checks=self._prober.checks(self.seen),
            restarts=self._actor.restarts,
            applied=self._actor.applied,
            start_time=self._start_time,
            ending=self._gone or self._verdict is not None or is_finished(self.pod),
        )

    def _publish(self, plan: d.Plan) -> None:
        if is_finished(self.pod):
            return
        known = Known(
            now=self._tools.clock.now(),
            start_time=self._start_time,
            host_ips=self._tools.host.ips,
            pod_ips=self._looker.ips(self.seen),
            checks=self._prober.checks(self.seen),
            waiting=self._actor.waiting,
            backing_off=plan.backing_off,
            applied=self._actor.applied,
            messages=self._looker.messages,
            verdict=self._verdict,
            scheme=self._tools.scheme,
            previous=self.status,
            ended=plan.finished,
        )
        self.status = pod_status(self.pod, self.seen, known)
        if not self._gone:
            self._publisher.publish(self.status)

    def _ip(self) -> str:
        return self._scene().ip

    # Acting

    async def _interruptible(self, actions: list[d.Action], plan: d.Plan) -> None:
        """Carry the actions out; a deletion cuts them short, other changes are told to the API meanwhile."""
        work = asyncio.create_task(self._act(actions))
        stop = asyncio.create_task(self._interrupt.wait())
        try:
            while not work.done() and not stop.done():
                woken = asyncio.create_task(self._wake.wait())
                await asyncio.wait((work, stop, woken), return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
                if self._wake.is_set() and not work.done() and not stop.done():
                    self._wake.clear()
                    # what is under way must not suffer from a look that fails
                    with contextlib.suppress(RuntimeFailure):
                        self.seen = await self._looker.look()
                    self._prober.sync(self.pod, self.seen, self._ip(), ending=self._ending)
                    self._publish(plan)
        finally:
            stop.cancel()
            if not work.done():
                work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        if not work.cancelled():
            work.result()

    async def _act(self, actions: list[d.Action]) -> None:
        for action in actions:
            await self._actor.act(action, self._scene())
            if isinstance(action, d.StartContainer):
                self._glances = 0

    def _scene(self) -> Scene:
        ips = self._tools.host.ips[:1] if host_network(self.pod) else self._looker.ips(self.seen)
        return Scene(self.pod, self.seen, self._tools.host._replace(pod_ips=tuple(ips)), self._grace())

    def _grace(self) -> float:
        """Return the seconds that the whole pod has to end. One that is over already only has to be cleared away."""
        if self._gone and not self.pod["metadata"].get("deletionTimestamp"):
            return 1.0
        return float(grace_period(self.pod))

    async def _refresh(self) -> None:
        """Bring volumes that can change up to date, once in a while."""
        due = self._tools.settings.sync_frequency * 0.9
        if not self._gone and self.seen.ready_sandbox:
            await self._actor.refresh(self._scene(), due)

    async def _finish(self) -> float | None:
        """Clear away what an ended pod used; return None when the pod is gone from the API as well."""
        tools = self._tools
        if not self._gone:
            await self._publisher.flush()
        if not self._cleaned:
            if tools.claims is not None:
                await tools.claims.release(uid(self.pod))
            await tools.volumes.remove(uid(self.pod))
            if tools.cgroups:
                await tools.cgroups.remove(uid(self.pod))
            self._cleaned = True
        meta = self.pod["metadata"]
        if meta.get("deletionTimestamp") and not self._gone:
            try:
                await tools.client.delete(PODS, meta["name"], meta["namespace"], grace_period=0, uid=meta["uid"])
            except NotFound:
                pass
            self._gone = True
        if not self._gone:
            return tools.settings.sync_frequency
        await remove_remains(tools, self.pod, self.seen)
        return None


def _container_statuses(pod: Obj) -> list[Obj]:
    """Return the statuses of the containers that the API shows as running."""
    status = pod.get("status") or {}
    both = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    return [each for each in both if "running" in (each.get("state") or {})]


async def remove_remains(tools: Tools, pod: Obj, seen: Observed) -> None:
    """Remove an ended pod's sandboxes, containers and logs."""
    await asyncio.gather(*(tools.runtime.remove_sandbox(each.id) for each in seen.sandboxes))
    await asyncio.to_thread(shutil.rmtree, log_dir(tools.settings, pod), ignore_errors=True)
    tools.starter.images.forget(uid(pod))
