"""Where a cluster keeps what: one directory a cluster, under one home. Nothing of a cluster lies anywhere else."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


def home() -> Path:
    """Return the directory that holds all clusters: `$KUBERN_HOME`, `/var/lib/kubern` for root, `~/.local/share/kubern` else."""
    chosen = os.environ.get("KUBERN_HOME")
    if chosen:
        return Path(chosen).absolute()
    return Path("/var/lib/kubern") if os.geteuid() == 0 else Path.home() / ".local/share/kubern"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one cluster."""

    root: Path

    @classmethod
    def of(cls, name: str) -> Layout:
        """Return the paths of the cluster `name`. Raises `ValueError` for a name that cannot name a namespace and a host."""
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"--name {name!r}: use at most 40 lower-case letters, digits and '-', starting and ending with one of the first two"
            )
        return cls(home() / name)

    @property
    def settings(self) -> Path:
        """What the cluster was asked to be."""
        return self.root / "cluster.json"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.root / "pki"

    @property
    def store(self) -> Path:
        """The embedded store's files."""
        return self.root / "store"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's access."""
        return self.root / "admin.kubeconfig"

    @property
    def logs(self) -> Path:
        """What the cluster's programs say."""
        return self.root / "logs"

    @property
    def processes(self) -> Path:
        """One file a process that `up` started: `<name>.json` with its pid and start time."""
        return self.root / "processes"

    @property
    def images(self) -> Path:
        """The OCI archives that every node of the cluster imports when it starts for the first time."""
        return self.root / "images"

    @property
    def volumes(self) -> Path:
        """What the default storage class keeps: a directory a volume."""
        return self.root / "volumes"

    @property
    def nodes(self) -> Path:
        """A directory a node."""
        return self.root / "nodes"


@dataclass(frozen=True, slots=True)
class NodeLayout:
    """The paths of one node of a cluster."""

    root: Path

    @property
    def containerd(self) -> Path:
        """Images, snapshots and containerd's own records; survives a restart."""
        return self.root / "containerd"

    @property
    def kubelet(self) -> Path:
        """The kubelet's files: pods' volumes above all."""
        return self.root / "kubelet"

    @property
    def cni(self) -> Path:
        """The configuration of the pods' network."""
        return self.root / "cni"

    @property
    def config(self) -> Path:
        """What `up` writes for the node's programs: containerd's configuration, the init script, the kubeconfig."""
        return self.root / "config"

    @property
    def logs(self) -> Path:
        """What the node's programs say, and its pods."""
        return self.root / "logs"


CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
"""As seen inside a node, whose /run is its own."""
