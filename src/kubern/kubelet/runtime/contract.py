"""What the kubelet asks of a container runtime, in plain values. `cri` speaks it over gRPC; a simulated runtime keeps it in memory.

Times are nanoseconds since 1970, as CRI counts them; 0 means "not yet". Every call has a deadline of its own and raises
`RuntimeFailure`. A container is found again after a restart of either side by its labels, so nothing here is remembered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from kubern.kubelet.runtime.config import ContainerConfig, LinuxResources, SandboxConfig


class RuntimeFailure(Exception):
    """The runtime refused or did not answer. `code` is gRPC's name of the reason: NOT_FOUND, UNAVAILABLE, DEADLINE_EXCEEDED…"""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox as listed; `ips` only come with `sandbox_status`."""

    id: str
    name: str
    namespace: str
    uid: str
    attempt: int
    ready: bool
    created_at: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    ips: tuple[str, ...] = ()


CREATED, RUNNING, EXITED, UNKNOWN = "created", "running", "exited", "unknown"


@dataclass(frozen=True, slots=True)
class Container:
    """A container. A list fills in neither the times after `created_at` nor exit code, reason, message and log path."""

    id: str
    sandbox_id: str
    name: str
    attempt: int
    state: str
    created_at: int
    image: str
    image_id: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    log_path: str = ""


class Image(NamedTuple):
    """An image on the node. `uid` is None when the image names its user instead."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    size: int = 0
    uid: int | None = None
    username: str = ""
    pinned: bool = False


class Auth(NamedTuple):
    """How to sign in to a registry."""

    username: str = ""
    password: str = ""
    auth: str = ""
    server: str = ""
    identity_token: str = ""
    registry_token: str = ""


class Version(NamedTuple):
    """Which runtime this is."""

    name: str
    version: str
    api_version: str


class Condition(NamedTuple):
    """RuntimeReady or NetworkReady."""

    type: str
    status: bool
    reason: str = ""
    message: str = ""


class ExecResult(NamedTuple):
    """A command that ran to its end."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class ContainerStats(NamedTuple):
    """What a container uses: CPU in nanoseconds since its start, memory and disk in bytes. `timestamp` in nanoseconds."""

    id: str
    name: str
    labels: Mapping[str, str]
    timestamp: int
    cpu_core_nanoseconds: int
    cpu_nano_cores: int
    memory_working_set: int
    memory_usage: int
    memory_rss: int
    page_faults: int
    major_page_faults: int
    disk_used: int
    disk_inodes: int


class FilesystemUsage(NamedTuple):
    """How much a file system of the runtime's holds."""

    mountpoint: str
    used_bytes: int
    inodes_used: int


class RuntimeEvent(NamedTuple):
    """Something happened to a container of pod `uid`; `type` is CREATED, STARTED, STOPPED or DELETED."""

    container_id: str
    uid: str
    type: str


class Runtime(Protocol):
    """A container runtime: pod sandboxes, containers, images."""

    async def version(self) -> Version:
        """Return what the runtime is."""
        ...

    async def status(self) -> tuple[Condition, ...]:
        """Return the runtime's conditions: RuntimeReady, NetworkReady."""
        ...

    async def set_pod_cidr(self, pod_cidr: str) -> None:
        """Tell the runtime the node's pod range; one with a network configuration of its own ignores it."""
        ...

    async def run_sandbox(self, config: SandboxConfig, handler: str = "") -> str:
        """Create and start a sandbox, network included; return its id."""
        ...

    async def stop_sandbox(self, sandbox_id: str) -> None:
        """Stop it and all its containers, and give its addresses back. Stopping again is no error."""
        ...

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Remove it with its containers. A sandbox that is gone is no error."""
        ...

    async def sandbox_status(self, sandbox_id: str) -> Sandbox:
        """Return one sandbox. Raises `RuntimeFailure` NOT_FOUND."""
        ...

    async def list_sandboxes(self, labels: Mapping[str, str] | None = None) -> list[Sandbox]:
        """Return the sandboxes that have these labels."""
        ...

    async def create_container(self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig) -> str:
        """Create a container, not started yet; return its id."""
        ...

    async def start_container(self, container_id: str) -> None:
        """Start a container that was created."""
        ...

    async def stop_container(self, container_id: str, timeout: float) -> None:
        """Ask it to end, kill it after `timeout` seconds (0: at once); returns when it has ended. Gone is no error."""
        ...

    async def remove_container(self, container_id: str) -> None:
        """Remove it, killing it if need be. A container that is gone is no error."""
        ...

    async def list_containers(self, labels: Mapping[str, str] | None = None) -> list[Container]:
        """Return the containers, in whatever state, that have these labels."""
        ...

    async def container_status(self, container_id: str) -> Container:
        """Return one container. Raises `RuntimeFailure` NOT_FOUND."""
        ...

    async def update_resources(self, container_id: str, resources: LinuxResources) -> None:
        """Give a running container other limits."""
        ...

    async def reopen_log(self, container_id: str) -> None:
        """Have a container's output go to a new file of the old name: the old one was moved away."""
        ...

    async def exec_sync(self, container_id: str, command: Sequence[str], timeout: float) -> ExecResult:
        """Run a command to its end. Raises `RuntimeFailure` DEADLINE_EXCEEDED after `timeout` seconds (0: no limit)."""
        ...

    async def exec_url(
        self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        """Return the URL that streams a command's input and output, once."""
        ...

    async def attach_url(self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> str:
        """Return the URL that streams the main process' input and output, once."""
        ...

    async def port_forward_url(self, sandbox_id: str, ports: Sequence[int]) -> str:
        """Return the URL that streams to ports of a sandbox, once."""
        ...

    async def list_container_stats(self) -> list[ContainerStats]:
        """Return what each container uses."""
        ...

    async def list_images(self) -> list[Image]:
        """Return the images of the node."""
        ...

    async def image_status(self, image: str) -> Image | None:
        """Return the image, None when the node does not have it."""
        ...

    async def pull_image(self, image: str, auth: Auth | None = None, sandbox: SandboxConfig | None = None) -> str:
        """Fetch an image and return its reference on the node."""
        ...

    async def image_filesystems(self) -> list[FilesystemUsage]:
        """Return where images are kept, and how much they take there."""
        ...

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """Yield what happens to containers until the stream breaks. Raises `RuntimeFailure` UNIMPLEMENTED when the
        runtime has no events; the caller relists then."""
        ...

    async def close(self) -> None:
        """Let the runtime go."""
        ...
