"""Probing the containers of one pod: a task for each probe of each running container, and what they found.

A startup probe holds the others back until it succeeds. What the API said of a container that a former kubelet probed is taken
over, so that a restart of the kubelet makes no pod unready.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.kubelet.decide import Checks
from kubern.kubelet.hooks import Handlers
from kubern.kubelet.observed import Observed
from kubern.kubelet.podspec import INIT, Step, key, steps
from kubern.kubelet.recording import WARNING, Recorder
from kubern.kubelet.runtime.contract import RUNNING, Container

_log = logging.getLogger(__name__)
STARTUP, READINESS, LIVENESS = _KINDS = ("startup", "readiness", "liveness")


class _Findings:
    """What is known of one running container."""

    def __init__(self, started: bool, ready: bool) -> None:
        self.started = started
        self.ready = ready
        self.unhealthy = ""
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.begun = asyncio.Event()
        if started:
            self.begun.set()

    def stop(self, *kinds: str) -> None:
        """Ask no more by probes of these kinds."""
        for kind in kinds:
            task = self.tasks.pop(kind, None)
            if task is not None:
                task.cancel()


class PodProber:
    """Probes one pod. `changed` is called whenever a finding changes."""

    def __init__(self, handlers: Handlers, events: Recorder, clock: Clock, changed: Callable[[], None]) -> None:
        self._handlers = handlers
        self._events = events
        self._clock = clock
        self._changed = changed
        self._findings: dict[str, _Findings] = {}

    def sync(self, pod: Obj, seen: Observed, ip: str, *, ending: bool) -> None:
        """Begin to probe what has started to run, stop probing what no longer does.

        A container of an ending pod is not restarted any more, so only its readiness is still asked for.
        """
        alive: set[str] = set()
        for step in steps(pod):
            found = seen.current(step.name)
            if found is None or found.state != RUNNING or step.role == INIT:
                continue
            alive.add(found.id)
            if found.id not in self._findings:
                self._begin(pod, step, found, ip)
            if ending:
                self._findings[found.id].stop(STARTUP, LIVENESS)
        for container_id in [each for each in self._findings if each not in alive]:
            self._findings.pop(container_id).stop(*_KINDS)

    def _begin(self, pod: Obj, step: Step, container: Container, ip: str) -> None:
        before = _reported(pod, container.id)
        probes = {kind: step.container.get(f"{kind}Probe") for kind in _KINDS}
        findings = _Findings(
            started=not probes[STARTUP] or bool(before.get("started")),
            ready=not probes[READINESS] or bool(before.get("ready")),
        )
        self._findings[container.id] = findings
        for kind, probe in probes.items():
            if probe and not (kind == STARTUP and findings.started):
                task = asyncio.create_task(self._run(pod, step, container, kind, probe, ip))
                findings.tasks[kind] = task

    def stop(self) -> None:
        """End all probing."""
        for findings in self._findings.values():
            findings.stop(*_KINDS)
        self._findings = {}

    def checks(self, seen: Observed) -> dict[str, Checks]:
        """Return what was found for each container by name."""
        result = {}
        for name, instances in seen.containers.items():
            findings = self._findings.get(instances[0].id)
            if findings is not None:
                result[name] = Checks(findings.started, findings.ready, findings.unhealthy)
        return result

    async def _run(self, pod: Obj, step: Step, container: Container, kind: str, probe: Obj, ip: str) -> None:
        """Probe until the container ends or, for a startup probe, until it has succeeded once."""
        findings = self._findings[container.id]
        if kind != STARTUP:
            await findings.begun.wait()
        age = self._clock.now() - datetime.fromtimestamp((container.started_at or container.created_at) / 1e9, UTC)
        await self._clock.sleep(max(0.0, float(probe.get("initialDelaySeconds") or 0) - age.total_seconds()))
        period = float(probe.get("periodSeconds") or 10)
        passes = fails = 0
        while True:
            ok = await self._once(pod, step, container, kind, probe, ip)
            passes, fails = (passes + 1, 0) if ok else (0, fails + 1)
            if passes >= int(probe.get("successThreshold") or 1):
                if self._passed(findings, kind):
                    return
            elif fails >= int(probe.get("failureThreshold") or 3):
                self._failed(findings, kind, step)
            await self._clock.sleep(period)

    async def _once(self, pod: Obj, step: Step, container: Container, kind: str, probe: Obj, ip: str) -> bool:
        timeout = float(probe.get("timeoutSeconds") or 1)
        outcome = await self._handlers.check(probe, step.container, container.id, ip, timeout)
        if not outcome.ok:
            verb = "errored" if outcome.errored else "failed"
            text = f"{kind.capitalize()} probe {verb}: {outcome.message}"
            if container.id in self._findings:
                self._events.event(pod, WARNING, "Unhealthy", text, field_path=step.field_path)
            _log.info("probe %s", verb, extra={"pod": key(pod), "container": step.name, "probe": kind})
        return outcome.ok

    def _passed(self, findings: _Findings, kind: str) -> bool:
        """Note a success; return whether this probe's work is over."""
        if kind == STARTUP:
            findings.started = True
            findings.begun.set()
            self._changed()
            return True
        if kind == READINESS and not findings.ready:
            findings.ready = True
            self._changed()
        return False

    def _failed(self, findings: _Findings, kind: str, step: Step) -> None:
        if kind == READINESS:
            if findings.ready:
                findings.ready = False
                self._changed()
        elif not findings.unhealthy:
            findings.unhealthy = f"Container {step.name} failed {kind} probe, will be restarted"
            self._changed()


def _reported(pod: Obj, container_id: str) -> Obj:
    """Return what the API says of this very container, if anything."""
    status = pod.get("status") or {}
    for field in ("containerStatuses", "initContainerStatuses"):
        for each in status.get(field) or ():
            if str(each.get("containerID", "")).endswith(f"://{container_id}"):
                found: Obj = each
                return found
    return {}
