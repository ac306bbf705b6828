"""What the scheduler writes: bindings, the PodScheduled condition, events. All failures end here or are told to the caller."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from kubern.api.pod_conditions import disruption_target, pod_condition
from kubern.base.clock import Clock
from kubern.base.errors import StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.client.events import NORMAL, WARNING, EventRecorder
from kubern.scheduler.framework import Binding, Cycle, Plugin
from kubern.scheduler.podinfo import PodInfo

log = logging.getLogger(__name__)

PODS = GVR("", "v1", "pods")
BINDINGS_AT_ONCE = 64


class Writer:
    """Writes as the scheduler `name`."""

    def __init__(self, name: str, client: Client, recorder: EventRecorder, clock: Clock) -> None:
        self._name = name
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._slots = asyncio.Semaphore(BINDINGS_AT_ONCE)

    async def bind(
        self, cycle: Cycle, node: str, plugins: list[Plugin], binder: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Prepare and bind a pod, by a Binding or by `binder`. Raises `StatusError`."""
        info = cycle.info
        # outside of the slots: who waits for a volume must not hold up the others
        for plugin in plugins:
            if plugin.pre_bind is not None:
                await plugin.pre_bind(Binding(self._client, cycle, node, self._clock))
        async with self._slots:
            await (binder() if binder is not None else self._post(info, node))
        text = f"Successfully assigned {info.namespace}/{info.name} to {node}"
        self._recorder.event(info.pod, NORMAL, "Scheduled", text)

    async def _post(self, info: PodInfo, node: str) -> None:
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": info.name, "namespace": info.namespace, "uid": info.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        await self._client.create(PODS, binding, info.namespace, name=info.name, subresource="binding")

    def refused(self, pod: Obj, message: str) -> None:
        """Record that no node was found."""
        self._recorder.event(pod, WARNING, "FailedScheduling", message)

    async def evict(self, victim: PodInfo, preemptor: PodInfo, node: str) -> None:
        """Delete a pod, with its own grace period, for a more important one."""
        message = f"{self._name}: preempting to accommodate a higher priority pod"
        condition = disruption_target(victim.pod, "PreemptionByScheduler", message, self._clock.now())
        await self._patch_status(victim.pod, {"conditions": [condition]})
        try:
            await self._client.delete(PODS, victim.name, victim.namespace, uid=victim.uid)
        except StatusError as error:
            log.info("evicting %s/%s: %s", victim.namespace, victim.name, error)
            return
        self._recorder.event(victim.pod, NORMAL, "Preempted", f"Preempted by pod {preemptor.uid} on node {node}")

    async def carry_out(self, info: PodInfo, write: Callable[[Client], Awaitable[None]]) -> None:
        """Write down what a plug-in wants written for a pod that found no node."""
        try:
            await write(self._client)
        except StatusError as error:
            log.info("making room for %s/%s: %s", info.namespace, info.name, error)

    async def disclaim(self, pod: Obj) -> None:
        """Take away a pod's claim on a node."""
        await self._patch_status(pod, {"nominatedNodeName": None})

    async def report(self, pod: Obj, reason: str, message: str, nominated: str | None = None) -> None:
        """Write the PodScheduled condition, and the nominated node when it changes."""
        condition = pod_condition(pod, "PodScheduled", "False", self._clock.now(), reason, message)
        status: Obj = {"conditions": [condition]}
        if nominated is not None:
            status["nominatedNodeName"] = nominated or None
        await self._patch_status(pod, status)

    async def _patch_status(self, pod: Obj, status: Obj) -> None:
        meta = pod["metadata"]
        try:
            await self._client.patch(
                PODS,
                meta["name"],
                {"metadata": {"uid": meta["uid"]}, "status": status},
                meta["namespace"],
                subresource="status",
                content_type="application/strategic-merge-patch+json",
            )
        except StatusError as error:
            log.info("condition of %s/%s: %s", meta["namespace"], meta["name"], error)


def says(pod: Obj, reason: str, message: str) -> bool:
    """Whether the pod's PodScheduled condition says this already."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(
        c["type"] == "PodScheduled" and c.get("reason") == reason and c.get("message") == message for c in conditions
    )
