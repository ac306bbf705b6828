"""Ending containers gracefully: preStop hook, TERM, grace period, KILL.

Main containers end first, side by side; sidecars after them, the last one started first; all within the pod's one grace period.
"""

from __future__ import annotations

import asyncio
import logging

import orjson

from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.kubelet.hooks import Handlers
from kubern.kubelet.observed import Observed
from kubern.kubelet.podspec import PRE_STOP_ANNOTATION, SIDECAR, find, key, steps
from kubern.kubelet.recording import NORMAL, WARNING, Recorder
from kubern.kubelet.runtime.contract import Container, Runtime

_log = logging.getLogger(__name__)
_LEAST = 2.0
"""Seconds that a container has after its preStop hook took all its time."""


class Ender:
    """Ends containers and pods."""

    def __init__(self, runtime: Runtime, handlers: Handlers, events: Recorder, clock: Clock) -> None:
        self._runtime = runtime
        self._handlers = handlers
        self._events = events
        self._clock = clock

    async def end_container(
        self, pod: Obj, container: Container, grace: float, message: str = "", ip: str = ""
    ) -> None:
        """End one container; returns when it has ended."""
        step = find(pod, container.name)
        field_path = step.field_path if step else f"spec.containers{{{container.name}}}"
        text = message or f"Stopping container {container.name}"
        self._events.event(pod, NORMAL, "Killing", text, field_path=field_path)
        began = self._clock.monotonic()
        hook = _pre_stop(container, step.container if step else {})
        if hook and grace > 0:
            await self._pre_stop(pod, container, hook, grace, ip)
            grace = max(grace - (self._clock.monotonic() - began), _LEAST)
        await self._runtime.stop_container(container.id, grace)

    async def _pre_stop(self, pod: Obj, container: Container, hook: Obj, grace: float, ip: str) -> None:
        step = find(pod, container.name)
        spec = step.container if step else {}
        try:
            async with asyncio.timeout(grace):
                outcome = await self._handlers.check(hook, spec, container.id, ip, grace)
        except TimeoutError:
            _log.warning("preStop hook ran out of time", extra={"pod": key(pod), "container": container.name})
            return
        if not outcome.ok:
            self._events.event(
                pod, WARNING, "FailedPreStopHook", "PreStopHook failed", field_path=step.field_path if step else ""
            )
            _log.warning(
                "preStop hook failed: %s", outcome.message, extra={"pod": key(pod), "container": container.name}
            )

    async def end_pod(self, pod: Obj, seen: Observed, grace: float, ip: str) -> None:
        """End all containers of a pod and its sandboxes; returns when nothing of it runs."""
        sidecars = [step.name for step in steps(pod) if step.role == SIDECAR]
        running = seen.running()
        deadline = self._clock.monotonic() + grace
        await asyncio.gather(
            *(self.end_container(pod, each, grace, ip=ip) for each in running if each.name not in sidecars)
        )
        for name in reversed(sidecars):
            left = max(deadline - self._clock.monotonic(), _LEAST if grace > _LEAST else grace)
            await asyncio.gather(*(self.end_container(pod, each, left, ip=ip) for each in running if each.name == name))
        await asyncio.gather(*(self._runtime.stop_sandbox(each.id) for each in seen.sandboxes))


def _pre_stop(container: Container, spec: Obj) -> Obj | None:
    """Return the preStop hook of today's spec, or the one that was remembered with the container."""
    if spec:
        hook: Obj | None = (spec.get("lifecycle") or {}).get("preStop")
        return hook
    text = container.annotations.get(PRE_STOP_ANNOTATION)
    return orjson.loads(text) if text else None
