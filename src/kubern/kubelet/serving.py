"""The kubelet as its HTTPS API sees it: implements `server.contract.Node` over the workers and the runtime."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from kubern.base.clock import Clock, rfc3339_micro
from kubern.base.errors import BadRequest, InternalError, NotFound
from kubern.base.json import Obj
from kubern.base.metrics import Family, expose, process_families, single
from kubern.client.event_counts import EventCounts
from kubern.http.relay import Streams
from kubern.kubelet.configs import log_path
from kubern.kubelet.emptying import Emptying
from kubern.kubelet.local_volumes import LocalVolumes
from kubern.kubelet.machine import Machine, measure
from kubern.kubelet.observed import restart_count
from kubern.kubelet.podspec import CONTAINER_LABEL, NAME_LABEL, NAMESPACE_LABEL, UID_LABEL, find
from kubern.kubelet.runtime.contract import RUNNING, Container, ContainerStats, Runtime, RuntimeFailure
from kubern.kubelet.server.configz import configuration
from kubern.kubelet.server.contract import ContainerLog, ExecResult
from kubern.kubelet.settings import Settings
from kubern.kubelet.worker import PodWorker

RUN_TIMEOUT = 600.0


class ServedNode:
    """Answers for one node. `workers` gives the pods' workers by uid."""

    def __init__(
        self,
        runtime: Runtime,
        settings: Settings,
        machine: Machine,
        clock: Clock,
        workers: Callable[[], Mapping[str, PodWorker]],
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._machine = machine
        self._clock = clock
        self._workers = workers
        self._begun = clock.now().timestamp()
        self.emptying = Emptying(settings.local_volume_path, clock)
        """Deletes what local volumes held; to be run by whoever runs the node."""
        self.told = EventCounts()
        """What became of the kubelet's Events."""

    @property
    def name(self) -> str:
        return self._settings.node_name

    def pods(self) -> list[Obj]:
        return [worker.pod | {"status": worker.status} for worker in self._workers().values()]

    def pod(self, namespace: str, name: str) -> Obj | None:
        for worker in self._workers().values():
            meta = worker.pod["metadata"]
            if (meta.get("namespace"), meta["name"]) == (namespace, name):
                return worker.pod | {"status": worker.status}
        return None

    async def running_pods(self) -> list[Obj]:
        found: dict[str, Obj] = {}
        for container in await self._runtime.list_containers():
            labels = container.labels
            if container.state != RUNNING or UID_LABEL not in labels:
                continue
            pod = found.setdefault(
                labels[UID_LABEL],
                {
                    "metadata": {
                        "name": labels.get(NAME_LABEL, ""),
                        "namespace": labels.get(NAMESPACE_LABEL, ""),
                        "uid": labels[UID_LABEL],
                        "creationTimestamp": None,
                    },
                    "spec": {"containers": []},
                    "status": {},
                },
            )
            entry = {"name": labels.get(CONTAINER_LABEL, container.name), "image": container.image, "resources": {}}
            pod["spec"]["containers"].append(entry)
        return list(found.values())

    async def remove_local_volume(self, name: str) -> None:
        try:
            await asyncio.to_thread(LocalVolumes(self._settings.local_volume_path).remove, name)
        except OSError as error:
            raise InternalError(f"the local volume {name} cannot be removed: {error}") from error
        self.emptying.wake()

    def container_log(self, pod: Obj, container: str, previous: bool) -> ContainerLog:
        meta = pod["metadata"]
        found = self._instances(pod, container)
        if previous:
            # what waits in back-off has ended: its own last run is the previous one
            waits = any("waiting" in each["state"] for each in _statuses(pod) if each["name"] == container)
            ended = found if waits else found[1:]
            if not ended:
                text = f'previous terminated container "{container}" in pod "{meta["name"]}" not found'
                raise BadRequest(text)
            instance = ended[0]
        elif found:
            instance = found[0]
        else:
            state: Obj = next((each["state"] for each in _statuses(pod) if each["name"] == container), {})
            reason = (state.get("waiting") or {}).get("reason", "ContainerCreating")
            text = (
                f'container "{container}" in pod "{meta["name"]}" is waiting to start: {_shown(reason, pod, container)}'
            )
            raise BadRequest(text)
        folder = self._settings.log_dir(meta["namespace"], meta["name"], meta["uid"])
        return ContainerLog(folder / log_path(container, restart_count(instance)), instance.id)

    def _instances(self, pod: Obj, container: str) -> tuple[Container, ...]:
        worker = self._workers().get(pod["metadata"]["uid"])
        return worker.seen.containers.get(container, ()) if worker else ()

    async def is_running(self, container_id: str) -> bool:
        try:
            return (await self._runtime.container_status(container_id)).state == RUNNING
        except RuntimeFailure as failure:
            if failure.code == "NOT_FOUND":
                return False
            raise

    async def exec_url(self, pod: Obj, container: str, command: Sequence[str], streams: Streams) -> str:
        found = await self._running(pod, container)
        return await self._runtime.exec_url(
            found.id, command, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr, tty=streams.tty
        )

    async def attach_url(self, pod: Obj, container: str, streams: Streams) -> str:
        found = await self._running(pod, container)
        step = find(pod, container)
        tty = bool(step and step.container.get("tty"))
        return await self._runtime.attach_url(
            found.id, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr and not tty, tty=tty
        )

    async def port_forward_url(self, pod: Obj, ports: Sequence[int]) -> str:
        worker = self._workers().get(pod["metadata"]["uid"])
        sandbox = worker.seen.ready_sandbox if worker else None
        if sandbox is None:
            raise NotFound(f'pod not found ("{pod["metadata"]["name"]}_{pod["metadata"]["namespace"]}")')
        return await self._runtime.port_forward_url(sandbox.id, ports)

    async def exec_sync(self, pod: Obj, container: str, command: Sequence[str]) -> ExecResult:
        found = await self._running(pod, container)
        result = await self._runtime.exec_sync(found.id, command, RUN_TIMEOUT)
        return ExecResult(result.exit_code, result.stdout, result.stderr)

    async def _running(self, pod: Obj, container: str) -> Container:
        """Return the container's running instance, asked for afresh: what the worker saw may be a second old."""
        meta = pod["metadata"]
        listed = await self._runtime.list_containers({UID_LABEL: meta["uid"], CONTAINER_LABEL: container})
        for each in listed:
            if each.state == RUNNING:
                return each
        raise NotFound(f'container not found ("{container}")')

    async def stats_summary(self) -> Obj:
        usage = measure(self._settings.root_dir)
        now = rfc3339_micro(self._clock.now())
        pods: dict[str, Obj] = {}
        for stats in await self._runtime.list_container_stats():
            labels = stats.labels
            if UID_LABEL not in labels:
                continue
            reference = {
                "name": labels.get(NAME_LABEL, ""),
                "namespace": labels.get(NAMESPACE_LABEL, ""),
                "uid": labels[UID_LABEL],
            }
            pod = pods.setdefault(labels[UID_LABEL], {"podRef": reference, "startTime": None, "containers": []})
            pod["containers"].append(_container_stats(stats, now))
        for uid, pod in pods.items():
            worker = self._workers().get(uid)
            status = worker.status if worker else {}
            pod["startTime"] = status.get("startTime")
            started = _started(status)
            for container in pod["containers"]:
                container["startTime"] = started.get(container["name"])
            pod |= {"cpu": _sum(pod, "cpu", now), "memory": _sum(pod, "memory", now)}
        node = {
            "nodeName": self._settings.node_name,
            "memory": {
                "time": now,
                "availableBytes": usage.memory_available,
                "usageBytes": self._machine.memory - usage.memory_available,
                "workingSetBytes": self._machine.memory - usage.memory_available,
            },
            "fs": {
                "time": now,
                "availableBytes": usage.disk_available,
                "capacityBytes": usage.disk_capacity,
                "usedBytes": usage.disk_capacity - usage.disk_available,
            },
            "rlimit": {"time": now, "maxpid": usage.pids_max, "curproc": usage.pids_max - usage.pids_available},
        }
        node["cpu"] = {
            "time": now,
            "usageNanoCores": sum(pod["cpu"]["usageNanoCores"] for pod in pods.values()),
            "usageCoreNanoSeconds": sum(pod["cpu"]["usageCoreNanoSeconds"] for pod in pods.values()),
        }
        return {"node": node, "pods": list(pods.values())}

    def configz(self) -> Obj:
        return configuration(self._settings)

    def metrics(self) -> bytes:
        return expose([*self._families(), *process_families(self._begun)]).encode()

    def _families(self) -> list[Family]:
        workers = self._workers().values()
        name = (self._settings.node_name,)
        containers = sum(len(worker.seen.running()) for worker in workers)
        return [
            Family(
                "kubelet_node_name", "gauge", "[ALPHA] The node's name. The count is always 1.", ("node",), {name: 1}
            ),
            single(
                "kubelet_running_pods", "gauge", "[ALPHA] Number of pods that have a running pod sandbox",
                sum(1 for worker in workers if worker.seen.ready_sandbox),
            ),
            Family(
                "kubelet_running_containers", "gauge", "[ALPHA] Number of containers currently running",
                ("container_state",), {("running",): containers},
            ),
            *self.told.families(),
        ]  # fmt: skip


def _started(status: Obj) -> dict[str, str]:
    """Return since when each container runs."""
    return {
        each["name"]: running["startedAt"]
        for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
        for each in status.get(field) or ()
        if (running := (each.get("state") or {}).get("running")) and running.get("startedAt")
    }


def _statuses(pod: Obj) -> list[Obj]:
    status = pod.get("status") or {}
    fields = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    return [each for field in fields for each in status.get(field) or ()]


def _shown(reason: str, pod: Obj, container: str) -> str:
    """Return a waiting reason as upstream's log errors put it: some in words."""
    step = find(pod, container)
    image = step.container.get("image", "") if step else ""
    if reason == "ErrImagePull":
        return "image can't be pulled"
    return "trying and failing to pull image" if reason == "ImagePullBackOff" and image else reason


def _container_stats(stats: ContainerStats, now: str) -> Obj:
    return {
        "name": stats.labels.get(CONTAINER_LABEL, stats.name),
        "startTime": None,
        "cpu": {
            "time": now,
            "usageNanoCores": stats.cpu_nano_cores,
            "usageCoreNanoSeconds": stats.cpu_core_nanoseconds,
        },
        "memory": {
            "time": now,
            "usageBytes": stats.memory_usage,
            "workingSetBytes": stats.memory_working_set,
            "rssBytes": stats.memory_rss,
            "pageFaults": stats.page_faults,
            "majorPageFaults": stats.major_page_faults,
        },
        "rootfs": {"time": now, "usedBytes": stats.disk_used, "inodesUsed": stats.disk_inodes},
    }


def _sum(pod: Obj, part: str, now: str) -> Obj:
    found: Obj = {"time": now}
    for container in pod["containers"]:
        for name, value in container[part].items():
            if name != "time":
                found[name] = found.get(name, 0) + value
    return found
