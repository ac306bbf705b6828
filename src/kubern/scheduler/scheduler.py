"""The scheduler's loop: follows pods and nodes, tries one pod after the other, binds, and says why when none fits.

A placed pod is counted on its node at once ("assumed") and bound in the background, so that the next cycle need not wait for the API.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from kubern.base.clock import Clock, rfc3339
from kubern.base.errors import Conflict, NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.client.events import NORMAL, WARNING, EventRecorder
from kubern.client.informer import Informers
from kubern.scheduler.columns import Columns
from kubern.scheduler.cycle import Placed, Unplaced, schedule
from kubern.scheduler.framework import Cycle, Plugin
from kubern.scheduler.queue import Queue, Waiting
from kubern.scheduler.requests import pod_requests

log = logging.getLogger(__name__)

PODS = GVR("", "v1", "pods")
NODES = GVR("", "v1", "nodes")
DEFAULT_NAME = "default-scheduler"
FLUSH_EVERY = 30.0
BINDINGS_AT_ONCE = 64
CYCLES_IN_A_ROW = 32
"""After so many the event loop gets its turn, so that a long queue does not hold up the apiserver beside it."""


class Scheduler:
    """One scheduler, for the pods that name it in spec.schedulerName."""

    def __init__(
        self, client: Client, informers: Informers, clock: Clock, plugins: Sequence[Plugin], name: str = DEFAULT_NAME
    ) -> None:
        self.name = name
        self.columns = Columns()
        self.queue = Queue()
        self._client = client
        self._clock = clock
        self._plugins = plugins
        self._chance = random.Random()
        self._recorder = EventRecorder(client, name, clock)
        self._pods = informers.of(PODS)
        self._nodes = informers.of(NODES)
        self._wake = asyncio.Event()
        self._binding = asyncio.Semaphore(BINDINGS_AT_ONCE)
        self._assumed: set[str] = set()

    async def run(self) -> None:
        """Schedule until cancelled."""
        self._nodes.on_change(self._node_changed)
        self._pods.on_change(self._pod_changed)
        await self._nodes.synced.wait()
        await self._pods.synced.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._recorder.run(), name="scheduler events")
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

    # one pod

    def _try(self, waiting: Waiting, group: asyncio.TaskGroup) -> None:
        pod = waiting.pod
        requests = pod_requests(pod)
        try:
            outcome = schedule(Cycle(pod, requests, self.columns), self._plugins, self._chance)
        except Exception as error:
            # a plug-in that raises must not take every other pod's placement with it
            log.exception("scheduling %s/%s failed", pod["metadata"].get("namespace"), pod["metadata"]["name"])
            self._refuse(waiting, Unplaced(f"running the plug-ins: {error}", frozenset()), group, error=True)
            return
        if isinstance(outcome, Unplaced):
            self._refuse(waiting, outcome, group)
            return
        uid = pod["metadata"]["uid"]
        self._assumed.add(uid)
        self.columns.add_pod(uid, outcome.node, requests)
        self.queue.remove(uid)
        group.create_task(self._bind(pod, outcome), name="bind")

    def _refuse(self, waiting: Waiting, outcome: Unplaced, group: asyncio.TaskGroup, *, error: bool = False) -> None:
        self.queue.failed(waiting, outcome.events, self._clock.monotonic(), error=error)
        pod = waiting.pod
        reason = "SchedulerError" if error else "Unschedulable"
        if _says(pod, reason, outcome.message):
            return
        self._recorder.event(pod, WARNING, "FailedScheduling", outcome.message)
        group.create_task(self._report(pod, reason, outcome.message), name="report")

    async def _bind(self, pod: Obj, placed: Placed) -> None:
        meta = pod["metadata"]
        namespace, name = meta["namespace"], meta["name"]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "namespace": namespace, "uid": meta["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": placed.node},
        }
        try:
            async with self._binding:
                await self._client.create(PODS, binding, namespace, name=name, subresource="binding")
        except StatusError as error:
            self._unbound(pod, error)
            return
        self._recorder.event(pod, NORMAL, "Scheduled", f"Successfully assigned {namespace}/{name} to {placed.node}")

    def _unbound(self, pod: Obj, error: StatusError) -> None:
        """A binding that failed: the pod is not on the node after all, and is tried again unless it is gone or somebody else's."""
        uid = pod["metadata"]["uid"]
        self._assumed.discard(uid)
        held = self._pods.get(pod["metadata"]["namespace"], pod["metadata"]["name"])
        if held is None or held["metadata"]["uid"] != uid or not held["spec"].get("nodeName"):
            self.columns.remove_pod(uid)
        log.warning("binding %s/%s: %s", pod["metadata"]["namespace"], pod["metadata"]["name"], error)
        if isinstance(error, NotFound | Conflict) and (held is None or held["spec"].get("nodeName")):
            return
        if held is not None and self._mine(held):
            self.queue.add(held, self._clock.monotonic(), gated=False)
            self._wake.set()

    async def _report(self, pod: Obj, reason: str, message: str) -> None:
        """Write the PodScheduled condition."""
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": reason,
            "message": message,
            "lastTransitionTime": rfc3339(self._clock.now()),
        }
        meta = pod["metadata"]
        try:
            await self._client.patch(
                PODS,
                meta["name"],
                {"metadata": {"uid": meta["uid"]}, "status": {"conditions": [condition]}},
                meta["namespace"],
                subresource="status",
                content_type="application/strategic-merge-patch+json",
            )
        except StatusError as error:
            log.info("condition of %s/%s: %s", meta["namespace"], meta["name"], error)

    # following the cluster

    def _mine(self, pod: Obj) -> bool:
        """Whether a pod waits for this scheduler."""
        spec = pod["spec"]
        return (
            not spec.get("nodeName")
            and spec.get("schedulerName", DEFAULT_NAME) == self.name
            and "deletionTimestamp" not in pod["metadata"]
            and not _ended(pod)
        )

    def _pod_changed(self, before: Obj | None, after: Obj | None) -> None:
        uid = (after or before or {})["metadata"]["uid"]
        if before is not None and after is not None and before["metadata"]["uid"] != uid:
            self._pod_changed(before, None)
            before = None
        if after is None or _ended(after):
            self.queue.remove(uid)
            self._assumed.discard(uid)
            self.columns.remove_pod(uid)
            if before is not None and before["spec"].get("nodeName") and not _ended(before):
                self._event("Pod/Delete")
        elif after["spec"].get("nodeName"):
            self.queue.remove(uid)
            self._assumed.discard(uid)
            if before is None or not before["spec"].get("nodeName") or before["spec"] != after["spec"]:
                self.columns.add_pod(uid, after["spec"]["nodeName"], pod_requests(after))
                self._event("Pod/Add")
        elif self._mine(after) and uid not in self._assumed:
            self.queue.add(after, self._clock.monotonic(), gated=self._gated(after))
            self._wake.set()
        elif not self._mine(after):
            self.queue.remove(uid)

    def _gated(self, pod: Obj) -> bool:
        gates: list[Callable[[Obj], str]] = [p.pre_enqueue for p in self._plugins if p.pre_enqueue]
        return any(gate(pod) for gate in gates)

    def _node_changed(self, before: Obj | None, after: Obj | None) -> None:
        if after is None:
            self.columns.remove_node((before or {})["metadata"]["name"])
            return
        self.columns.set_node(after)
        for event in _node_events(before, after):
            self._event(event)

    def _event(self, name: str) -> None:
        self.queue.event(name, self._clock.monotonic())
        self._wake.set()


def _ended(pod: Obj) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _says(pod: Obj, reason: str, message: str) -> bool:
    """Whether the pod's PodScheduled condition says this already."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(
        c["type"] == "PodScheduled" and c.get("reason") == reason and c.get("message") == message for c in conditions
    )


def _node_events(before: Obj | None, after: Obj) -> list[str]:
    """Return what of a node's change may let a waiting pod run."""
    if before is None:
        return ["Node/Add"]
    found = []
    if before["metadata"].get("labels") != after["metadata"].get("labels"):
        found.append("Node/Label")
    old, new = before.get("spec") or {}, after.get("spec") or {}
    if old.get("taints") != new.get("taints") or old.get("unschedulable") != new.get("unschedulable"):
        found.append("Node/Taint")
    if (before.get("status") or {}).get("allocatable") != (after.get("status") or {}).get("allocatable"):
        found.append("Node/Allocatable")
    return found
