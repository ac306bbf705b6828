"""The kubelet: one worker a pod of this node, what wakes them, and the node's signs of life.

`Kubelet(...).run()` is called by `kubern kubelet` and by a node's agent; a simulated node gives it a runtime of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import aiohttp

from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.client.contract import Client
from kubern.client.events import EventRecorder
from kubern.client.informer import Informer, Informers
from kubern.kubelet.acting import Tools
from kubern.kubelet.admission import admit
from kubern.kubelet.cgroups import Cgroups
from kubern.kubelet.devices.claims import ClaimError, DeviceClaims
from kubern.kubelet.downward import Host
from kubern.kubelet.ending import Ender
from kubern.kubelet.eviction import Shortage, used_by_pod, victim
from kubern.kubelet.heartbeat import Heartbeat
from kubern.kubelet.hooks import Handlers
from kubern.kubelet.images import Images
from kubern.kubelet.local_volumes import LocalVolumes
from kubern.kubelet.logrotation import LogRotation
from kubern.kubelet.machine import Machine, measure
from kubern.kubelet.node_object import allocatable, labels
from kubern.kubelet.objects import NODES, PODS, SERVICES, ApiObjects
from kubern.kubelet.podspec import is_finished, is_mirror, key, uid
from kubern.kubelet.relisting import Relister
from kubern.kubelet.runtime.contract import Runtime, RuntimeFailure, Sandbox
from kubern.kubelet.serving import ServedNode
from kubern.kubelet.settings import Settings
from kubern.kubelet.starting import Starter
from kubern.kubelet.volume import Mounter
from kubern.kubelet.volume_set import VolumeSet
from kubern.kubelet.worker import PodWorker

_log = logging.getLogger(__name__)
_HOUSEKEEPING = 30.0


class Kubelet:
    """One node's kubelet. `cgroups` None leaves pods' control groups to the runtime."""

    def __init__(
        self,
        client: Client,
        runtime: Runtime,
        settings: Settings,
        machine: Machine,
        clock: Clock,
        mounter: Mounter,
        cgroups: Cgroups | None = None,
    ) -> None:
        self._client = client
        self._runtime = runtime
        self._settings = settings
        self._machine = machine
        self._clock = clock
        self._mounter = mounter
        self._cgroups = cgroups
        self.claims: DeviceClaims | None = None
        """What prepares the devices of pods' claims; to be set before `run`. Without it nobody looks at claims."""
        self._workers: dict[str, PodWorker] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tools: Tools | None = None
        self._informers = Informers(client, clock)
        self._pods = self._informers.of(PODS, field_selector=f"spec.nodeName={settings.node_name}")
        self._services: Informer = self._informers.of(SERVICES)
        self._this_node: Informer = self._informers.of(NODES, field_selector=f"metadata.name={settings.node_name}")
        self._relister = Relister(runtime, clock, settings.relist_period, self._container_changed)
        self.served = ServedNode(runtime, settings, machine, clock, lambda: self._workers)
        """The node as its HTTPS API asks for it."""

    async def run(self) -> None:
        """Run until cancelled. What the pods run goes on afterwards."""
        recorder = EventRecorder(self._client, "kubelet", self._clock, self._settings.node_name, self.served.told)
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
            self._tools = self._assembled(recorder, http)
            async with asyncio.TaskGroup() as group:
                self._group = group
                heartbeat = Heartbeat(self._client, self._runtime, self._settings, self._machine, self._clock)
                group.create_task(heartbeat.run())
                group.create_task(recorder.run())
                group.create_task(self.served.emptying.run(), name="local volumes that are to go")
                self._informers.start(group)
                self._tell_started(recorder)
                # pods read their services when they start, so those come first
                await self._services.synced.wait()
                self._pods.on_change(self._pod_changed)
                group.create_task(self._relister.run())
                if self.claims is not None:
                    group.create_task(self.claims.drivers.run(), name="drivers of devices")
                await self._pods.synced.wait()
                group.create_task(self._guard_resources())
                await self._housekeeping()

    def _assembled(self, recorder: EventRecorder, http: aiohttp.ClientSession) -> Tools:
        runtime, settings, clock = self._runtime, self._settings, self._clock
        objects = ApiObjects(self._client, clock)
        handlers = Handlers(runtime, http, clock)
        ender = Ender(runtime, handlers, recorder, clock)
        starter = Starter(
            runtime=runtime,
            images=Images(runtime, objects, recorder, clock),
            objects=objects,
            handlers=handlers,
            ender=ender,
            events=recorder,
            clock=clock,
            settings=settings,
            memory_capacity=self._machine.memory,
            services=self._services.list,
        )
        return Tools(
            client=self._client,
            runtime=runtime,
            settings=settings,
            clock=clock,
            events=recorder,
            handlers=handlers,
            starter=starter,
            ender=ender,
            volumes=VolumeSet(
                settings.root_dir, objects, self._mounter, clock, LocalVolumes(settings.local_volume_path)
            ),
            cgroups=self._cgroups,
            host=Host(settings.node_name, settings.node_ips, allocatable(self._machine, settings)),
            scheme="containerd",
            claims=self.claims,
        )

    def _tell_started(self, recorder: EventRecorder) -> None:
        name = self._settings.node_name
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "uid": name}}
        recorder.event(node, "Normal", "Starting", "Starting kubelet.")

    # What wakes the workers

    def _pod_changed(self, before: Obj | None, after: Obj | None) -> None:
        if after is None:
            worker = self._workers.get(uid(before)) if before is not None else None
            if worker is not None and before is not None:
                worker.update(before)
                worker.removed()
            return
        worker = self._workers.get(uid(after))
        if worker is not None:
            worker.update(after)
        elif not is_mirror(after):
            self._begin(after)

    def _container_changed(self, pod_uid: str) -> None:
        worker = self._workers.get(pod_uid)
        if worker is not None:
            worker.wake()

    def _begin(self, pod: Obj) -> PodWorker | None:
        if self._tools is None or self._group is None:
            return None
        worker = PodWorker(pod, self._tools)
        refused = None
        if not pod["metadata"].get("deletionTimestamp") and not is_finished(pod) and not _was_admitted(pod):
            refused = admit(pod, self._active(), self._tools.host.allocatable, self._node_labels())
        self._workers[uid(pod)] = worker
        if refused is not None:
            self._tools.events.event(pod, "Warning", refused.reason, refused.message)
            worker.evict(refused.reason, refused.message)
        self._group.create_task(self._work(worker), name=f"pod {key(pod)}")
        return worker

    def _active(self) -> list[Obj]:
        """Return the pods that take up resources."""
        return [
            worker.pod
            for worker in self._workers.values()
            if not is_finished(worker.pod) and worker.status.get("phase") not in ("Succeeded", "Failed")
        ]

    def _node_labels(self) -> Mapping[str, str]:
        node = self._this_node.get("", self._settings.node_name)
        known: Mapping[str, str] = (node or {}).get("metadata", {}).get("labels") or {}
        return dict(labels(self._machine, self._settings)) | dict(known)

    async def _work(self, worker: PodWorker) -> None:
        pod_uid = uid(worker.pod)
        while True:
            try:
                await worker.run()
                break
            except Exception:  # noqa: BLE001
                # one pod's trouble must not take the node down
                _log.exception("worker failed", extra={"pod": key(worker.pod)})
                await self._clock.sleep(1.0)
        del self._workers[pod_uid]

    # What must not run out

    async def _guard_resources(self) -> None:
        """Every ten seconds: rotate logs, and evict a pod while the node is short of memory or disk."""
        settings = self._settings
        rotation = LogRotation(
            self._runtime, self._clock, settings.container_log_max_size, settings.container_log_max_files
        )
        while True:
            await self._clock.sleep(settings.status_frequency)
            try:
                await rotation.rotate([log for worker in self._workers.values() for log in worker.logs()])
                await self._evict()
            except (RuntimeFailure, OSError) as error:
                _log.warning("resources not guarded: %s", error)

    async def _evict(self) -> None:
        usage = await asyncio.to_thread(measure, self._settings.root_dir)
        shortages = (
            Shortage("memory", self._settings.least("memory.available", self._machine.memory), usage.memory_available),
            Shortage(
                "ephemeral-storage", self._settings.least("nodefs.available", usage.disk_capacity), usage.disk_available
            ),
        )
        for shortage in shortages:
            if shortage.available >= shortage.threshold:
                continue
            stats = await self._runtime.list_container_stats()
            active = self._active()
            found = victim(active, used_by_pod(stats, shortage.resource), shortage)
            if found is not None and self._tools is not None:
                worker = self._workers[found.uid]
                _log.warning("evicting a pod: %s", found.verdict.message, extra={"pod": key(worker.pod)})
                self._tools.events.event(worker.pod, "Warning", found.verdict.reason, found.verdict.message)
                worker.evict(found.verdict.reason, found.verdict.message)

    # What nobody asks for any more

    async def _housekeeping(self) -> None:
        while True:
            try:
                await self._clear_orphans()
            except (RuntimeFailure, ClaimError, OSError) as error:
                _log.warning("housekeeping failed: %s", error)
            await self._clock.sleep(_HOUSEKEEPING)

    async def _clear_orphans(self) -> None:
        """End pods that the runtime holds and the API does not know, and remove what is left of pods on disk."""
        assert self._tools is not None
        for sandbox in await self._runtime.list_sandboxes():
            if sandbox.uid and sandbox.uid not in self._workers:
                worker = self._begin(_orphan(sandbox))
                if worker is not None:
                    _log.info("ending a pod that the API does not know", extra={"pod": key(worker.pod)})
                    worker.removed()
        left = self._tools.volumes.known() | (self._cgroups.pods() if self._cgroups else set())
        for pod_uid in left - self._workers.keys():
            await self._tools.volumes.remove(pod_uid)
            if self._cgroups is not None:
                await self._cgroups.remove(pod_uid)
        if self.claims is not None:
            for pod_uid in self.claims.users() - self._workers.keys():
                await self.claims.release(pod_uid)


def _was_admitted(pod: Obj) -> bool:
    """Whether a former kubelet let the pod in: it is not asked again."""
    return bool((pod.get("status") or {}).get("startTime"))


def _orphan(sandbox: Sandbox) -> dict[str, Any]:
    """Return as much of a pod as its sandbox tells."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": sandbox.name,
            "namespace": sandbox.namespace,
            "uid": sandbox.uid,
            "deletionTimestamp": "1970-01-01T00:00:00Z",
        },
        "spec": {"containers": []},
    }
