"""What a volume type is. One file below `volumes/` exports one `VOLUME`; `volume_set` finds it by the source's field name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.kubelet.downward import Host
from kubern.kubelet.local_volumes import NONE, LocalVolumes


class VolumeError(Exception):
    """A volume cannot be made: the pod waits, with a FailedMount event that says this."""


class Token(NamedTuple):
    """A service account's token for one pod."""

    text: str
    expires: datetime


class ObjectSource(Protocol):
    """Where referenced objects come from."""

    async def get(self, kind: str, namespace: str, name: str) -> Obj | None:
        """Return a `configmap` or `secret` (or another kind the source knows), None when there is none."""
        ...

    async def token(self, pod: Obj, audience: str, seconds: int) -> Token:
        """Return a token of the pod's service account; the same one until four fifths of its time have passed."""
        ...

    async def trust_bundle(self, name: str) -> Obj | None:
        """Return a ClusterTrustBundle, None when there is none."""
        ...


class Mounter(Protocol):
    """Mounts in the node's mount namespace."""

    def tmpfs(self, path: Path, options: str) -> None:
        """Mount a file system in memory."""
        ...

    def unmount(self, path: Path) -> None:
        """Unmount what is mounted there."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """One volume of one pod: its entry in `spec.volumes`, and the directory that is its own."""

    pod: Obj
    volume: Obj
    directory: Path
    objects: ObjectSource
    mounter: Mounter
    host: Host
    clock: Clock
    local: LocalVolumes = NONE

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        return str(self.pod["metadata"]["namespace"])

    @property
    def group(self) -> int | None:
        """The pod's fsGroup."""
        found: int | None = (self.pod["spec"].get("securityContext") or {}).get("fsGroup")
        return found


class Volume(NamedTuple):
    """A volume type. `field` is its name in `spec.volumes[]`, `plugin` its directory's (`kubernetes.io~<plugin>`).

    `prepare` makes the volume and returns what to mount; it may be called again on one that exists. `live` tells that calling it
    again brings the content up to date while containers use it. `readonly` volumes are mounted so whatever the mount says.
    """

    field: str
    plugin: str
    prepare: Callable[[Place], Awaitable[Path]]
    live: bool = False
    readonly: bool = False
