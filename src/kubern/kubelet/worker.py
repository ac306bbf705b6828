"""One task a pod: look, decide, tell the API, act, wait until something changes. All the deciding is in `decide` and `status`.

A change of the pod, of a container, or of a probe's finding wakes it; nothing is waited for by polling here.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kubern.base.backoff import Backoff
from kubern.base.clock import Clock, parse_time
from kubern.base.errors import NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import Client
from kubern.kubelet import decide as d
from kubern.kubelet.cgroups import Cgroups
from kubern.kubelet.configs import log_path, sandbox_config
from kubern.kubelet.dns import parse_resolv_conf, pod_dns
from kubern.kubelet.downward import Host
from kubern.kubelet.ending import Ender
from kubern.kubelet.hooks import Handlers
from kubern.kubelet.looking import Looker
from kubern.kubelet.objects import PODS
from kubern.kubelet.observed import Observed, restart_count
from kubern.kubelet.podspec import INIT, MAIN, find, grace_period, host_network, is_finished, key, steps, uid
from kubern.kubelet.prober import PodProber
from kubern.kubelet.publishing import Publisher
from kubern.kubelet.recording import WARNING, Recorder
from kubern.kubelet.runtime.contract import Runtime, RuntimeFailure, SandboxConfig
from kubern.kubelet.settings import Settings
from kubern.kubelet.starting import Start, Starter, StartError
from kubern.kubelet.status import Known, Verdict, Waiting, pod_status
from kubern.kubelet.volume import VolumeError
from kubern.kubelet.volume_set import Mounted, VolumeSet

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What every worker of the node works with."""

    client: Client
    runtime: Runtime
    settings: Settings
    clock: Clock
    events: Recorder
    handlers: Handlers
    starter: Starter
    ender: Ender
    volumes: VolumeSet
    cgroups: Cgroups | None
    host: Host
    scheme: str


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
        self._restarts: dict[str, d.Restart] = {}
        self._waiting: dict[str, Waiting] = {}
        self._not_before: dict[str, float] = {}
        self._mounted: dict[str, Mounted] | None = None
        self._refreshed = tools.clock.monotonic()
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
            self._refreshed = float("-inf")
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
        meta = self.pod["metadata"]
        folder = self._tools.settings.log_dir(meta["namespace"], meta["name"], meta["uid"])
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
                except (RuntimeFailure, VolumeError, StatusError, OSError) as error:
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
        due = [a for a in plan.actions if not isinstance(a, d.StartContainer) or self._not_before.get(a.name, 0) <= now]
        if due:
            await self._interruptible(due, plan)
            return 0
        await self._refresh()
        return self._pause(plan, now)

    def _pause(self, plan: d.Plan, now: float) -> float:
        waits = [
            self._tools.settings.sync_frequency,
            *(max(at - now, 0.01) for at in self._not_before.values() if at > now),
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
            restarts=self._restarts,
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
            waiting=self._waiting,
            backing_off=plan.backing_off,
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
        ips = self._tools.host.ips if host_network(self.pod) else self._looker.ips(self.seen)
        return ips[0] if ips else ""

    def _host(self) -> Host:
        ips = self._tools.host.ips[:1] if host_network(self.pod) else self._looker.ips(self.seen)
        return self._tools.host._replace(pod_ips=tuple(ips))

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
            await self._one(action)

    async def _one(self, action: d.Action) -> None:
        tools = self._tools
        match action:
            case d.CreateSandbox(attempt):
                await self._create_sandbox(attempt)
            case d.StopSandbox(sandbox_id):
                await tools.runtime.stop_sandbox(sandbox_id)
            case d.StartContainer():
                await self._start(action)
            case d.KillContainer(name, container_id, message, liveness):
                found = next((c for c in self.seen.containers.get(name, ()) if c.id == container_id), None)
                if found is not None:
                    grace = self._liveness_grace(name) if liveness else grace_period(self.pod)
                    await tools.ender.end_container(self.pod, found, grace, message, self._ip())
            case d.RemoveContainer(container_id):
                await tools.runtime.remove_container(container_id)
            case d.Terminate():
                await tools.ender.end_pod(self.pod, self.seen, self._grace(), self._ip())

    def _grace(self) -> float:
        """Return the seconds that the whole pod has to end. One that is over already only has to be cleared away."""
        return (
            1.0 if self._gone and not self.pod["metadata"].get("deletionTimestamp") else float(grace_period(self.pod))
        )

    def _liveness_grace(self, name: str) -> float:
        step = find(self.pod, name)
        container = step.container if step else {}
        for kind in ("livenessProbe", "startupProbe"):
            own = (container.get(kind) or {}).get("terminationGracePeriodSeconds")
            if own is not None:
                return float(own)
        return float(grace_period(self.pod))

    async def _create_sandbox(self, attempt: int) -> None:
        config = await self._sandbox_config(attempt)
        # a volume may take long or fail: the sandbox does not depend on it, containers do
        made, mounted = await asyncio.gather(
            self._tools.runtime.run_sandbox(config), self._mount(), return_exceptions=True
        )
        if isinstance(made, BaseException):
            if isinstance(made, RuntimeFailure):
                text = f"Failed to create pod sandbox: {made.message}"
                self._tools.events.event(self.pod, WARNING, "FailedCreatePodSandBox", text)
            raise made
        if isinstance(mounted, BaseException):
            raise mounted

    async def _mount(self) -> dict[str, Mounted]:
        if self._mounted is None:
            self._mounted = await self._tools.volumes.prepare(self.pod, self._host())
            self._refreshed = self._tools.clock.monotonic()
        return self._mounted

    async def _sandbox_config(self, attempt: int) -> SandboxConfig:
        settings = self._tools.settings
        parent = await self._tools.cgroups.ensure(self.pod) if self._tools.cgroups else ""
        node = parse_resolv_conf(await asyncio.to_thread(settings.resolv_conf.read_text))
        dns = pod_dns(self.pod, node, settings.cluster_dns, settings.cluster_domain)
        return sandbox_config(self.pod, attempt, dns, parent, settings)

    async def _start(self, action: d.StartContainer) -> None:
        step, sandbox = find(self.pod, action.name), self.seen.ready_sandbox
        if step is None or sandbox is None:
            return
        mounted = await self._mount()
        target = ""
        if step.container.get("targetContainerName"):
            found = self.seen.current(step.container["targetContainerName"])
            target = found.id if found else ""
        config = await self._sandbox_config(sandbox.attempt)
        job = Start(self.pod, step, action.attempt, sandbox.id, config, mounted, self._host(), target)
        try:
            await self._tools.starter.start(job)
        except StartError as error:
            self._waiting[action.name] = Waiting(error.reason, error.message)
            self._not_before[action.name] = self._tools.clock.monotonic() + error.retry_after
        else:
            self._waiting.pop(action.name, None)
            self._not_before.pop(action.name, None)
            self._glances = 0
        if action.restart is not None:
            self._restarts[action.name] = action.restart

    async def _refresh(self) -> None:
        """Bring volumes that can change up to date, once in a while."""
        now = self._tools.clock.monotonic()
        if self._gone or now - self._refreshed < self._tools.settings.sync_frequency * 0.9:
            return
        self._refreshed = now
        if self.seen.ready_sandbox and self._tools.volumes.has_live(self.pod):
            await self._tools.volumes.refresh(self.pod, self._host())

    async def _finish(self) -> float | None:
        """Clear away what an ended pod used; return None when the pod is gone from the API as well."""
        tools = self._tools
        if not self._gone:
            await self._publisher.flush()
        if not self._cleaned:
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


async def remove_remains(tools: Tools, pod: Obj, seen: Observed) -> None:
    """Remove an ended pod's sandboxes, containers and logs."""
    await asyncio.gather(*(tools.runtime.remove_sandbox(each.id) for each in seen.sandboxes))
    meta = pod["metadata"]
    logs = tools.settings.log_dir(meta["namespace"], meta["name"], meta["uid"])
    await asyncio.to_thread(shutil.rmtree, logs, ignore_errors=True)
    tools.starter.images.forget(meta["uid"])
