"""Starting one container: image, environment, mounts, create, start, postStart hook."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.kubelet import environment
from kubern.kubelet.configs import Parts, container_config
from kubern.kubelet.downward import Host
from kubern.kubelet.ending import Ender
from kubern.kubelet.environment import ConfigError, Sources
from kubern.kubelet.hooks import HOOK_TIMEOUT, Handlers
from kubern.kubelet.hosts import hosts_file
from kubern.kubelet.images import ImageError, Images
from kubern.kubelet.mounts import hosts_mount, message_mount, volume_mounts
from kubern.kubelet.podspec import Step, grace_period, key, uid
from kubern.kubelet.recording import NORMAL, WARNING, Recorder
from kubern.kubelet.runtime.config import Mount, SandboxConfig
from kubern.kubelet.runtime.contract import Image, Runtime, RuntimeFailure
from kubern.kubelet.security import root_refused
from kubern.kubelet.settings import Settings
from kubern.kubelet.volume import ObjectSource, VolumeError
from kubern.kubelet.volume_set import Mounted

_log = logging.getLogger(__name__)


class StartError(Exception):
    """The container did not start; `reason` and `message` are what its status shows."""

    def __init__(self, reason: str, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class Start(NamedTuple):
    """One container to be started in a sandbox that lives."""

    pod: Obj
    step: Step
    attempt: int
    sandbox_id: str
    sandbox: SandboxConfig
    mounted: dict[str, Mounted]
    host: Host
    target: str = ""
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts containers; one for all pods of the node. `services` lists the cluster's services for the environment."""

    runtime: Runtime
    images: Images
    objects: ObjectSource
    handlers: Handlers
    ender: Ender
    events: Recorder
    clock: Clock
    settings: Settings
    memory_capacity: int
    services: Callable[[], Iterable[Obj]]

    async def start(self, job: Start) -> None:
        """Start it. Raises `StartError`; the events are recorded by then."""
        pod, step = job.pod, job.step
        try:
            image = await self.images.ensure(pod, step, job.sandbox)
        except ImageError as error:
            self._event(job, WARNING, "Failed", f"Error: {error.reason}")
            raise StartError(error.reason, error.message, error.retry_after) from error
        container_id = await self._create(job, image)
        self._event(job, NORMAL, "Created", "Container created")
        try:
            await self.runtime.start_container(container_id)
        except RuntimeFailure as failure:
            self._event(job, WARNING, "Failed", f"Error: {failure.message}")
            raise StartError("RunContainerError", failure.message, 0.0) from failure
        self._event(job, NORMAL, "Started", "Container started")
        hook = (step.container.get("lifecycle") or {}).get("postStart")
        if hook:
            await self._post_start(job, container_id, hook)
        _log.info("container started", extra={"pod": key(pod), "container": step.name, "attempt": job.attempt})

    async def _create(self, job: Start, image: Image) -> str:
        try:
            refused = root_refused(job.pod, job.step.container, image)
            if refused:
                raise ConfigError(refused)
            env = await self._environment(job)
            mounts = await asyncio.to_thread(self._mounts, job, env)
        except (ConfigError, VolumeError, OSError) as error:
            self._event(job, WARNING, "Failed", f"Error: {error}")
            raise StartError("CreateContainerConfigError", str(error), 2.0) from error
        parts = Parts(job.attempt, image, image.id, env, mounts, self.memory_capacity, job.target, job.devices)
        config = container_config(job.pod, job.step.container, parts, self.settings)
        try:
            return await self.runtime.create_container(job.sandbox_id, config, job.sandbox)
        except RuntimeFailure as failure:
            self._event(job, WARNING, "Failed", f"Error: {failure.message}")
            raise StartError("CreateContainerError", failure.message, 5.0) from failure

    async def _environment(self, job: Start) -> tuple[tuple[str, str], ...]:
        wanted = sorted(environment.references(job.step.container))
        namespace = job.pod["metadata"]["namespace"]
        found = await asyncio.gather(*(self.objects.get(kind, namespace, name) for kind, name in wanted))
        objects = {name: obj for name, obj in zip(wanted, found, strict=True) if obj is not None}
        return environment.environment(job.pod, job.step.container, Sources(objects, self.services(), job.host))

    def _mounts(self, job: Start, env: tuple[tuple[str, str], ...]) -> tuple[Mount, ...]:
        folder = self.settings.pod_dir(uid(job.pod))
        container = job.step.container
        hosts = folder / "etc-hosts"
        hosts.parent.mkdir(parents=True, exist_ok=True)
        node_hosts = _read("/etc/hosts") if job.pod["spec"].get("hostNetwork") else ""
        # written in place: a running container has this very file mounted
        hosts.write_text(hosts_file(job.pod, job.host.pod_ips, self.settings.cluster_domain, node_hosts))
        hosts.chmod(0o644)
        return (
            *volume_mounts(container, job.mounted, dict(env).get),
            *hosts_mount(container, hosts),
            *message_mount(
                container, self.settings.pod_dir(uid(job.pod)) / "containers" / job.step.name / str(job.attempt)
            ),
        )

    async def _post_start(self, job: Start, container_id: str, hook: Obj) -> None:
        ip = job.host.pod_ips[0] if job.host.pod_ips else ""
        outcome = await self.handlers.check(hook, job.step.container, container_id, ip, HOOK_TIMEOUT)
        if outcome.ok:
            return
        _log.warning("postStart hook failed: %s", outcome.message, extra={"pod": key(job.pod)})
        self._event(job, WARNING, "FailedPostStartHook", "PostStartHook failed")
        status = await self.runtime.container_status(container_id)
        await self.ender.end_container(job.pod, status, grace_period(job.pod), "FailedPostStartHook", ip)
        raise StartError("PostStartHookError", "PostStartHook failed", 0.0)

    def _event(self, job: Start, type: str, reason: str, message: str) -> None:
        self.events.event(job.pod, type, reason, message, field_path=job.step.field_path)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
