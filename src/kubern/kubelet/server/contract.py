"""What the kubelet's HTTPS API asks of the kubelet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from kubern.base.json import Obj
from kubern.http.relay import Streams


class ContainerLog(NamedTuple):
    """Where a container's output is kept, and by which id the runtime knows the container."""

    path: Path
    container_id: str


class ExecResult(NamedTuple):
    """A command that ran to its end."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class Node(Protocol):
    """The kubelet as its API sees it. Methods raise `kubern.base.errors.StatusError`s with upstream's wording, or let the
    runtime's `RuntimeFailure` through."""

    @property
    def name(self) -> str:
        """The node's name."""
        ...

    def pods(self) -> list[Obj]:
        """Return the pods bound to this node, each with its status."""
        ...

    def pod(self, namespace: str, name: str) -> Obj | None:
        """Return a pod of this node, None when it has none of that name."""
        ...

    async def running_pods(self) -> list[Obj]:
        """Return what the runtime runs, as pods with names and images only."""
        ...

    def container_log(self, pod: Obj, container: str, previous: bool) -> ContainerLog:
        """Return where the log of a container's newest (or `previous`, newest but one) instance is.

        Raises `BadRequest`: `container "c" in pod "p" is waiting to start: ContainerCreating`,
        `previous terminated container "c" in pod "p" not found`."""
        ...

    async def is_running(self, container_id: str) -> bool:
        """Tell whether a container still runs; False once it is gone."""
        ...

    async def exec_url(self, pod: Obj, container: str, command: Sequence[str], streams: Streams) -> str:
        """Return the runtime's URL for a command. Raises `NotFound` when the container does not run."""
        ...

    async def attach_url(self, pod: Obj, container: str, streams: Streams) -> str:
        """Return the runtime's URL for attaching to a container's main process."""
        ...

    async def port_forward_url(self, pod: Obj, ports: Sequence[int]) -> str:
        """Return the runtime's URL for forwarding to a pod's ports."""
        ...

    async def exec_sync(self, pod: Obj, container: str, command: Sequence[str]) -> ExecResult:
        """Run a command to its end."""
        ...

    async def remove_local_volume(self, name: str) -> None:
        """Take away the directory of a local volume, if there is one; what it holds may be deleted later. Raises `NotFound` where
        no such volumes are kept, `BadRequest` for a name that is not one's, `InternalError` where the disk refuses."""
        ...

    async def stats_summary(self) -> Obj:
        """Return the `stats/v1alpha1` Summary."""
        ...

    def configz(self) -> Obj:
        """Return what the kubelet runs with: `{"kubeletconfig": …}`."""
        ...

    def metrics(self) -> bytes:
        """Return the kubelet's own metrics as Prometheus text."""
        ...
