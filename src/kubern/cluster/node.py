"""One real node: its namespaces, its first process, its end.

A node is a process tree in network, mount, pid, uts and ipc namespaces of its own. Killing the tree's root is a machine's
sudden death; `stop` is its shutdown; `remove` leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from kubern.cluster import fabric, processes
from kubern.cluster.fabric import NodeAddress
from kubern.cluster.layout import Layout, NodeLayout
from kubern.cluster.node_files import cni_config, containerd_config, init_script

CGROUPS = Path("/sys/fs/cgroup")
BUSYBOX = "/bin/busybox"


@dataclass(frozen=True, slots=True)
class Node:
    """One real node of a cluster."""

    cluster: str
    name: str
    address: NodeAddress
    paths: NodeLayout
    processes: Path

    @classmethod
    def of(cls, layout: Layout, cluster: str, name: str, address: NodeAddress) -> Node:
        """Return the node `name` of the cluster at `layout`."""
        return cls(cluster, name, address, NodeLayout(layout.nodes / name), layout.processes)

    @property
    def cgroup(self) -> str:
        """The parent of all its pods' cgroups, in every hierarchy."""
        return f"/kubern.{self.cluster}/{self.name}"

    @property
    def namespace(self) -> Path:
        """Its network namespace."""
        return fabric.NETNS / fabric.node_namespace(self.cluster, self.name)

    def start(self, others: Sequence[NodeAddress], agent: Sequence[str], dns: str, domain: str) -> None:
        """Start the node unless it runs; `agent` is the command of its kubelet and proxy. Returns at once."""
        running = processes.find(self.processes, self.name)
        # for a node that runs too: its cable may have been pulled
        fabric.create_node(self.cluster, self.name, self.address, list(others))
        if running:
            return
        for folder in (
            self.paths.containerd,
            self.paths.kubelet,
            self.paths.cni,
            self.paths.config / "registries",
            self.paths.logs,
        ):
            folder.mkdir(parents=True, exist_ok=True)
        (self.paths.config / "containerd.toml").write_text(containerd_config(self.paths, self.address))
        (self.paths.cni / "10-kubern.conflist").write_text(cni_config(self.paths, self.address))
        resolv_conf = f"nameserver {dns}\nsearch {domain}"
        script = self.paths.config / "init.sh"
        script.write_text(init_script(self.name, self.paths, agent, resolv_conf))
        Path("/var/lib/cni").mkdir(parents=True, exist_ok=True)
        # fmt: off
        command = [
            "nsenter", f"--net={self.namespace}",
            "unshare", "--mount", "--propagation", "private", "--pid", "--uts", "--ipc", "--fork", "--kill-child=KILL",
            BUSYBOX, "sh", str(script),
        ]
        # fmt: on
        processes.start(self.processes, self.name, command, self.paths.logs / "init.log")

    def first_process(self) -> int | None:
        """Return the host's pid of the node's process 1, None when the node is down."""
        root = processes.find(self.processes, self.name)
        with contextlib.suppress(psutil.NoSuchProcess):
            children = root.children() if root else []
            return children[0].pid if children else None
        return None

    def enter(self, *command: str) -> list[str]:
        """Return `command` as it runs inside the node. Raises `RuntimeError` when the node is down."""
        pid = self.first_process()
        if pid is None:
            raise RuntimeError(f"node {self.name} is not running: try `kubern start`")
        return ["nsenter", "-t", str(pid), "-m", "-p", "-n", "-u", "-i", *command]

    def running(self) -> bool:
        """Whether the node's first process lives."""
        return processes.find(self.processes, self.name) is not None

    def stop(self, *, grace: float = 5.0) -> None:
        """Shut the node down: its processes are asked to end, then killed. What it stored stays."""
        pid = self.first_process()
        if pid is not None and grace > 0:
            root = processes.find(self.processes, self.name)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            if root is not None:
                processes.gone(root, grace)
        self.kill()

    def kill(self) -> None:
        """End the node as a machine that loses power: every process at once; its network and cgroups are cleared away."""
        root = processes.find(self.processes, self.name)
        with contextlib.suppress(psutil.NoSuchProcess):
            inside = root.children() if root else []
            processes.stop(self.processes, self.name, grace=0)
            for first in inside:
                # process 1 is gone only when all in its namespace are
                processes.gone(first, 10)
        _empty_cgroups(self.cgroup)
        fabric.delete_namespace(fabric.node_namespace(self.cluster, self.name))
        fabric.unplug_node(self.cluster, self.address)


def agent_command(state: Path, node: str) -> list[str]:
    """Return the command of the process that is kubelet and proxy of one node."""
    return [sys.executable, "-m", "kubern", "node-agent", "--state", str(state), "--node", node]


def remove_cluster_cgroup(cluster: str) -> None:
    """Remove the cluster's own cgroup in every hierarchy."""
    _empty_cgroups(f"/kubern.{cluster}")


def _empty_cgroups(cgroup: str) -> None:
    """Kill what is left in a cgroup, in every hierarchy, and remove it with all below, deepest first."""
    for hierarchy in (CGROUPS, *CGROUPS.iterdir()):
        top = hierarchy / cgroup.lstrip("/")
        if not top.is_dir() or top.is_symlink():
            continue
        folders = sorted((Path(d) for d, _, _ in os.walk(top)), key=lambda d: len(d.parts), reverse=True)
        for folder in folders:
            _remove_cgroup(folder)


def _remove_cgroup(folder: Path) -> None:
    for _ in range(100):
        try:
            processes.kill_all([int(pid) for pid in (folder / "cgroup.procs").read_text().split()])
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            # the kernel lets a cgroup go only some milliseconds after its last process
            time.sleep(0.02)
        else:
            return


def delete_tree(root: Path) -> None:
    """Delete a directory or a file; what a dead node's mounts still hold is let go a moment later, so it is tried again."""
    if root.is_symlink() or root.is_file():
        root.unlink()
        return
    for _ in range(50):
        try:
            shutil.rmtree(root)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    shutil.rmtree(root)
