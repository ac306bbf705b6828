"""Virtual nodes: kubelets without containers, any number of them in one process, seen through the API like any other.

They run their pods in no time and end them in no time; a Job's pods succeed after a second; annotations script something else
(`script.py`). All share one watch of pods and one of nodes, one queue and its workers: no node has a task of its own.
`heartbeats.py` keeps the nodes alive.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence

from kubern.base.clock import Clock
from kubern.base.errors import NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.client.informer import Informers, Key, key_of
from kubern.client.workqueue import WorkQueue
from kubern.simulation import pods, rules, script, silence
from kubern.simulation.heartbeats import Heartbeats
from kubern.simulation.places import PodAddresses, place
from kubern.simulation.source import Source
from kubern.simulation.usage import Counted, VirtualUsage

log = logging.getLogger(__name__)

CONFIG_MAPS = GVR("", "v1", "configmaps")
NODES = GVR("", "v1", "nodes")
PODS = GVR("", "v1", "pods")
WORKERS = 64
_BY_NODE = "node"


class VirtualNodes:
    """The virtual nodes called `names`."""

    def __init__(self, client: Client, informers: Informers, clock: Clock, names: Sequence[str]) -> None:
        self._client = client
        self._clock = clock
        self._places = {name: place(number) for number, name in enumerate(names)}
        self._pods = informers.of(PODS)
        self._nodes = informers.of(NODES)
        self._config = informers.of(CONFIG_MAPS, rules.NAMESPACE, field_selector=f"metadata.name={rules.NAME}")
        self._rules = rules.Rules()
        self._silence = silence.Silence()
        self._queue: WorkQueue[Key] = WorkQueue(clock)
        self._addresses = PodAddresses()
        self._usage = VirtualUsage(clock)
        self._heartbeats = Heartbeats(client, self._nodes, clock, self._places, self._is_silent)

    def counters(self, name: str) -> Mapping[tuple[str, str, str], Counted] | None:
        """Return what a virtual node's containers have used, see `VirtualUsage.counters`; None for any other node."""
        return self._usage.counters(name, self._scripted(name)) if name in self._places else None

    def source(self) -> Source:
        """Return what their kubelets' API is served from."""
        names = {each.address: name for name, each in self._places.items()}
        return Source(names.get, self._pods_of, self._pod, self._summary)

    def _pod(self, namespace: str, name: str) -> Obj | None:
        pod = self._pods.get(namespace, name)
        return None if pod is None else self._rules.applied(pod)

    def _summary(self, name: str) -> Obj:
        return self._usage.summary(name, self._scripted(name))

    def _scripted(self, name: str) -> list[Obj]:
        return [self._rules.applied(pod) for pod in self._pods_of(name)]

    def _pods_of(self, name: str) -> list[Obj]:
        self._pods.add_index(_BY_NODE, _node_of)
        return self._pods.by_index(_BY_NODE, name)

    async def run(self) -> None:
        """Be these nodes until cancelled."""
        await self._config.synced.wait()
        self._config.on_change(self._rules_changed)
        self._pods.on_change(self._pod_changed)
        self._nodes.on_change(self._node_changed)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._heartbeats.run(), name="virtual heartbeats")
            await self._pods.synced.wait()
            for number in range(WORKERS):
                group.create_task(self._work(), name=f"virtual pods {number}")

    # pods

    def _pod_changed(self, before: Obj | None, after: Obj | None) -> None:
        if after is None:
            if before is not None:
                self._usage.forget(before)
                self._addresses.free(before["metadata"]["uid"])
        elif after["spec"].get("nodeName") in self._places:
            held = (after.get("status") or {}).get("podIP")
            if held:
                self._addresses.note(after["metadata"]["uid"], held)
            self._plan(after)

    def _plan(self, pod: Obj) -> None:
        """Have a pod looked at when its next move is due."""
        move = script.next_move(self._rules.applied(pod), self._clock.now())
        if move is not None:
            self._queue.add_after(key_of(pod), move.left)

    def _rules_changed(self, before: Obj | None, after: Obj | None) -> None:
        """Have every pod looked at that other rules may give another fate."""
        self._rules = rules.read(after)
        silent = {name for name in self._places if self._is_silent(self._nodes.get("", name))}
        self._silence = silence.read(after)
        for error in (*self._rules.errors, *self._silence.errors):
            log.warning("scripts of virtual nodes: %s", error)
        for pod in self._pods.list():
            if pod["spec"].get("nodeName") in self._places:
                self._plan(pod)
        for name in silent:
            if not self._is_silent(self._nodes.get("", name)):
                self._heartbeats.beat_now(name)

    def _is_silent(self, node: Obj | None) -> bool:
        return self._silence.of(node)

    def _node_changed(self, before: Obj | None, after: Obj | None) -> None:
        """A node that comes back beats at once, and catches up on its pods."""
        if before is None or after is None or not self._is_silent(before) or self._is_silent(after):
            return
        name = after["metadata"]["name"]
        if name in self._places:
            self._heartbeats.beat_now(name)
            for pod in self._pods_of(name):
                self._plan(pod)

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                await self._settle(key)
                self._queue.forget(key)
            except NotFound:
                self._queue.forget(key)
            except StatusError as error:
                log.info("virtual pod %s/%s: %s", *key, error)
                self._queue.add_rate_limited(key)
            finally:
                self._queue.done(key)

    async def _settle(self, key: Key) -> None:
        """Bring one pod to where it belongs."""
        pod = self._pod(*key)
        if pod is None or self._is_silent(self._nodes.get("", pod["spec"]["nodeName"])):
            return
        move = script.next_move(pod, self._clock.now())
        if move is None or move.left > 0:
            self._plan(pod)
            return
        namespace, name = key
        meta = pod["metadata"]
        if move.to == "gone":
            await self._client.delete(PODS, name, namespace, grace_period=0, uid=meta["uid"])
            return
        host, cidr = self._places[pod["spec"]["nodeName"]]
        address = host if pod["spec"].get("hostNetwork") else self._addresses.of(meta["uid"], cidr)
        status = pods.pod_status(pod, address, host, self._clock.now())
        if status is not None:
            await self._client.patch(
                PODS, name, {"metadata": {"uid": meta["uid"]}, "status": status}, namespace, subresource="status"
            )


def _node_of(pod: Obj) -> Iterable[str]:
    return (pod["spec"].get("nodeName") or "",)
