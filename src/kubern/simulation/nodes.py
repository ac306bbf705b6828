"""Virtual nodes: kubelets without containers, any number of them in one process, seen through the API like any other.

They register, send heartbeats, run their pods in no time and end them in no time; a Job's pods succeed after a second. All share one
watch of pods.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Sequence

from kubern.base.clock import Clock
from kubern.base.errors import AlreadyExists, NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.client.informer import Informers, Key, key_of
from kubern.client.workqueue import WorkQueue
from kubern.kubelet.server.resource_metrics import resource_metrics
from kubern.simulation import objects
from kubern.simulation.usage import VirtualUsage

log = logging.getLogger(__name__)

NODES = GVR("", "v1", "nodes")
PODS = GVR("", "v1", "pods")
LEASES = GVR("coordination.k8s.io", "v1", "leases")
LEASE_EVERY = 10.0
STATUS_EVERY = 300.0
JOB_SECONDS = 1.0
WORKERS = 16
POD_RANGE = ipaddress.ip_network("10.128.0.0/10")
NODE_RANGE = ipaddress.ip_network("10.64.0.0/16")


class VirtualNodes:
    """The virtual nodes called `names`."""

    def __init__(self, client: Client, informers: Informers, clock: Clock, names: Sequence[str]) -> None:
        self._client = client
        self._clock = clock
        self._addresses = {name: str(NODE_RANGE[number + 1]) for number, name in enumerate(names)}
        self._pods = informers.of(PODS)
        self._nodes = informers.of(NODES)
        self._queue: WorkQueue[Key] = WorkQueue(clock)
        self._ips: dict[str, str] = {}
        self._used: set[str] = set()
        self._next_ip = 0
        self._usage = VirtualUsage(clock)

    def resource_metrics(self, name: str) -> bytes | None:
        """Return a virtual node's `/metrics/resource`; None for any other node."""
        if name not in self._addresses:
            return None
        pods = [pod for pod in self._pods.list() if pod["spec"].get("nodeName") == name]
        return resource_metrics(self._usage.summary(name, pods))

    async def run(self) -> None:
        """Be these nodes until cancelled."""
        self._pods.on_change(self._pod_changed)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_nodes(), name="virtual nodes")
            await self._pods.synced.wait()
            for number in range(WORKERS):
                group.create_task(self._work(), name=f"virtual pods {number}")

    # nodes

    async def _keep_nodes(self) -> None:
        """Register all, then renew a lease every ten seconds and the status every five minutes, spread over the time."""
        status_due = 0.0
        while True:
            began = self._clock.monotonic()
            with_status = began >= status_due
            for name in self._addresses:
                try:
                    # a controller may have called the node lost meanwhile
                    if with_status or not objects.is_ready(self._nodes.get("", name)):
                        await self._report(name)
                    await self._renew(name)
                except StatusError as error:
                    log.warning("virtual node %s: %s", name, error)
            if with_status:
                status_due = began + STATUS_EVERY
            await self._clock.sleep(max(0.0, LEASE_EVERY - (self._clock.monotonic() - began)))

    async def _report(self, name: str) -> None:
        address = self._addresses[name]
        try:
            held = await self._client.get(NODES, name)
        except NotFound:
            held = await self._client.create(NODES, objects.node(name))
        status = objects.node_status(name, address, self._clock.now(), held.get("status") or {})
        await self._client.patch(NODES, name, {"status": status}, subresource="status")

    async def _renew(self, name: str) -> None:
        lease = objects.lease(name, self._clock.now())
        try:
            await self._client.patch(LEASES, name, {"spec": lease["spec"]}, "kube-node-lease")
        except NotFound:
            try:
                await self._client.create(LEASES, lease)
            except AlreadyExists:
                log.debug("lease of %s appeared meanwhile", name)

    # pods

    def _pod_changed(self, before: Obj | None, after: Obj | None) -> None:
        if after is None:
            if before is not None:
                self._usage.forget(before)
            self._used.discard(self._ips.pop((before or {})["metadata"]["uid"], ""))
        elif after["spec"].get("nodeName") in self._addresses:
            held = (after.get("status") or {}).get("podIP")
            if held:
                self._ips[after["metadata"]["uid"]] = held
                self._used.add(held)
            running = (after.get("status") or {}).get("phase") == "Running"
            self._queue.add_after(key_of(after), JOB_SECONDS if running and objects.ends_by_itself(after) else 0)

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
        pod = self._pods.get(*key)
        if pod is None:
            return
        namespace, name = key
        meta = pod["metadata"]
        if "deletionTimestamp" in meta:
            await self._client.delete(PODS, name, namespace, grace_period=0, uid=meta["uid"])
            return
        host = self._addresses[pod["spec"]["nodeName"]]
        status = objects.pod_status(pod, self._ip(meta["uid"], pod, host), host, self._clock.now())
        if status is not None:
            await self._client.patch(
                PODS, name, {"metadata": {"uid": meta["uid"]}, "status": status}, namespace, subresource="status"
            )

    def _ip(self, uid: str, pod: Obj, host: str) -> str:
        """Return the pod's address: the one it has, or one that no pod has."""
        if pod["spec"].get("hostNetwork"):
            return host
        if uid not in self._ips:
            while True:
                self._next_ip = self._next_ip % (POD_RANGE.num_addresses - 2) + 1
                candidate = str(POD_RANGE[self._next_ip])
                if candidate not in self._used:
                    break
            self._ips[uid] = candidate
            self._used.add(candidate)
        return self._ips[uid]
