"""Carrying out what was decided for one pod: sandboxes, starts, ends, removals.

Called by the pod's worker, one action at a time. What an action leaves to be remembered is here: why a container waits, when its
next try is due, its back-off.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.client.contract import Client
from kubern.kubelet import decide as d
from kubern.kubelet.cgroups import Cgroups
from kubern.kubelet.configs import sandbox_config
from kubern.kubelet.devices.claims import DeviceClaims, Prepared, cdi_devices
from kubern.kubelet.dns import parse_resolv_conf, pod_dns
from kubern.kubelet.downward import Host
from kubern.kubelet.ending import Ender
from kubern.kubelet.hooks import Handlers
from kubern.kubelet.observed import Observed, restart_count
from kubern.kubelet.podspec import find, grace_period, uid
from kubern.kubelet.qos import container_resources
from kubern.kubelet.recording import WARNING, Recorder
from kubern.kubelet.resizing import resources
from kubern.kubelet.runtime.config import SandboxConfig
from kubern.kubelet.runtime.contract import Container, Runtime, RuntimeFailure
from kubern.kubelet.settings import Settings
from kubern.kubelet.starting import Start, Starter, StartError
from kubern.kubelet.status import Waiting
from kubern.kubelet.volume_set import Mounted, VolumeSet


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
    claims: DeviceClaims | None = None
    """None where no drivers are: pods' claims are not looked at then."""


class Scene(NamedTuple):
    """What an action acts on: the pod, what the runtime holds of it, its node and addresses, the seconds it has to end."""

    pod: Obj
    seen: Observed
    host: Host
    grace: float

    @property
    def ip(self) -> str:
        """The pod's first address, "" while it has none."""
        return self.host.pod_ips[0] if self.host.pod_ips else ""


class Actor:
    """Acts for one pod."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._mounted: dict[str, Mounted] | None = None
        self._prepared: Prepared | None = None
        self.waiting: dict[str, Waiting] = {}
        """Why containers did not start."""
        self.not_before: dict[str, float] = {}
        """When the next try of a container is due (monotonic seconds)."""
        self.restarts: dict[str, d.Restart] = {}
        self.applied: dict[str, Obj] = {}
        """The resources that running containers were given."""
        self.refreshed = tools.clock.monotonic()
        """When the volumes' content was brought up to date."""

    async def refresh(self, scene: Scene, after: float) -> None:
        """Bring volumes that can change up to date if that was done more than `after` seconds ago."""
        now = self._tools.clock.monotonic()
        if now - self.refreshed >= after:
            self.refreshed = now
            if self._tools.volumes.has_live(scene.pod):
                await self._tools.volumes.refresh(scene.pod, scene.host)

    async def act(self, action: d.Action, scene: Scene) -> None:
        """Carry one action out. Raises `RuntimeFailure`, `VolumeError`, `ClaimError`, `StatusError`, `OSError`."""
        tools, pod = self._tools, scene.pod
        match action:
            case d.CreateSandbox(attempt):
                await self._create_sandbox(attempt, scene)
            case d.StopSandbox(sandbox_id):
                await tools.runtime.stop_sandbox(sandbox_id)
            case d.StartContainer():
                await self._start(action, scene)
            case d.KillContainer(name, container_id, message, liveness):
                found = next((c for c in scene.seen.containers.get(name, ()) if c.id == container_id), None)
                if found is not None:
                    grace = _liveness_grace(pod, name) if liveness else grace_period(pod)
                    await tools.ender.end_container(pod, found, grace, message, scene.ip)
            case d.ResizeContainer(name, container_id):
                await self._resize(pod, name, container_id)
            case d.RemoveContainer(container_id):
                await self._remove_container(container_id, scene)
            case d.RemoveSandbox(sandbox_id):
                await tools.runtime.remove_sandbox(sandbox_id)
            case d.Terminate():
                await tools.ender.end_pod(pod, scene.seen, scene.grace, scene.ip)

    async def _devices(self, pod: Obj) -> Prepared:
        """Have the devices of the pod's claims prepared, once. Raises `ClaimError`."""
        if self._prepared is None:
            claims, wanted = self._tools.claims, pod["spec"].get("resourceClaims")
            self._prepared = await claims.prepare(pod) if claims is not None and wanted else {}
        return self._prepared

    async def _create_sandbox(self, attempt: int, scene: Scene) -> None:
        await self._devices(scene.pod)
        config, handler = await self._sandbox_config(attempt, scene.pod), await self._handler(scene.pod)
        # a volume may take long or fail: the sandbox does not depend on it, containers do
        made, mounted = await asyncio.gather(
            self._tools.runtime.run_sandbox(config, handler), self._mount(scene), return_exceptions=True
        )
        if isinstance(made, BaseException):
            if isinstance(made, RuntimeFailure):
                text = f"Failed to create pod sandbox: {made.message}"
                self._tools.events.event(scene.pod, WARNING, "FailedCreatePodSandBox", text)
            raise made
        if isinstance(mounted, BaseException):
            raise mounted

    async def _resize(self, pod: Obj, name: str, container_id: str) -> None:
        """Change a running container's limits; the pod's own must be the wider ones before and after."""
        step = find(pod, name)
        if step is None:
            return
        tools = self._tools
        limits = container_resources(pod, step.container, tools.starter.memory_capacity)
        if tools.cgroups:
            await tools.cgroups.ensure(pod)
        # 0 would leave the old quota
        await tools.runtime.update_resources(container_id, limits._replace(cpu_quota=limits.cpu_quota or -1))
        if tools.cgroups:
            await tools.cgroups.ensure(pod)
        self.applied[name] = resources(step.container)

    async def _handler(self, pod: Obj) -> str:
        """Return the runtime handler that the pod's RuntimeClass names."""
        name = pod["spec"].get("runtimeClassName")
        if not name:
            return ""
        found = await self._tools.starter.objects.get("runtimeclass", "", name)
        if found is None:
            text = f'failed to get sandbox runtime: runtimeclass.node.k8s.io "{name}" not found'
            raise RuntimeFailure("NOT_FOUND", text)
        return str(found.get("handler", ""))

    async def _remove_container(self, container_id: str, scene: Scene) -> None:
        """Remove a dead container with its log and its last words."""
        await self._tools.runtime.remove_container(container_id)
        for found in scene.seen.containers.values():
            for each in found:
                if each.id == container_id:
                    await asyncio.to_thread(self._remove_files, each, scene.pod)

    def _remove_files(self, container: Container, pod: Obj) -> None:
        settings, number = self._tools.settings, restart_count(container)
        words = settings.pod_dir(uid(pod)) / "containers" / container.name / str(number)
        words.unlink(missing_ok=True)
        for log in (log_dir(settings, pod) / container.name).glob(f"{number}.log*"):
            log.unlink(missing_ok=True)

    async def _mount(self, scene: Scene) -> dict[str, Mounted]:
        if self._mounted is None:
            self._mounted = await self._tools.volumes.prepare(scene.pod, scene.host)
            self.refreshed = self._tools.clock.monotonic()
        return self._mounted

    async def _sandbox_config(self, attempt: int, pod: Obj) -> SandboxConfig:
        settings = self._tools.settings
        parent = await self._tools.cgroups.ensure(pod) if self._tools.cgroups else ""
        node = parse_resolv_conf(await asyncio.to_thread(settings.resolv_conf.read_text))
        dns = pod_dns(pod, node, settings.cluster_dns, settings.cluster_domain)
        return sandbox_config(pod, attempt, dns, parent, settings)

    async def _start(self, action: d.StartContainer, scene: Scene) -> None:
        pod, sandbox = scene.pod, scene.seen.ready_sandbox
        step = find(pod, action.name)
        if step is None or sandbox is None:
            return
        mounted = await self._mount(scene)
        target = ""
        if step.container.get("targetContainerName"):
            found = scene.seen.current(step.container["targetContainerName"])
            target = found.id if found else ""
        config = await self._sandbox_config(sandbox.attempt, pod)
        devices = cdi_devices(step.container, await self._devices(pod))
        job = Start(pod, step, action.attempt, sandbox.id, config, mounted, scene.host, target, devices)
        try:
            await self._tools.starter.start(job)
        except StartError as error:
            self.waiting[action.name] = Waiting(error.reason, error.message)
            self.not_before[action.name] = self._tools.clock.monotonic() + error.retry_after
        else:
            self.applied[action.name] = resources(step.container)
            self.waiting.pop(action.name, None)
            self.not_before.pop(action.name, None)
        if action.restart is not None:
            self.restarts[action.name] = action.restart


def _liveness_grace(pod: Obj, name: str) -> float:
    """Return the seconds that a container has after a failed probe: the probe's own, else the pod's."""
    step = find(pod, name)
    container = step.container if step else {}
    for kind in ("livenessProbe", "startupProbe"):
        own = (container.get(kind) or {}).get("terminationGracePeriodSeconds")
        if own is not None:
            return float(own)
    return float(grace_period(pod))


def log_dir(settings: Settings, pod: Obj) -> Path:
    """Return the folder of a pod's logs."""
    meta = pod["metadata"]
    return settings.log_dir(meta["namespace"], meta["name"], meta["uid"])
