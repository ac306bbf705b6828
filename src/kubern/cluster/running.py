"""One cluster on this machine as the commands see it: its paths, settings, nodes, and the lock that lets one command change it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil

from kubern.cluster import fabric, pki, processes
from kubern.cluster.fabric import node_address
from kubern.cluster.layout import Layout
from kubern.cluster.node import Node
from kubern.cluster.node_ready import ApiProbe
from kubern.cluster.settings import MAX_NODES, Settings, node_name
from kubern.cluster.settings import load as load_settings

CONTROL_PLANE = "control-plane"


class Cluster:
    """One cluster on this machine, running or not."""

    def __init__(self, name: str, *, damaged: bool = False) -> None:
        """Read the cluster's settings; with `damaged`, when they cannot be read, guess them from what else there is of it.

        Raises `ValueError` for a bad name or bad settings.
        """
        self.layout = Layout.of(name)
        try:
            self.settings = load_settings(self.layout.settings) or Settings(name)
            if self.settings.name != name:
                raise ValueError(f"{self.layout.settings} is of a cluster {self.settings.name!r}, not {name!r}")
        except ValueError:
            if not damaged:
                raise
            self.settings = Settings(name)
        self.exists = self.layout.settings.exists()
        if damaged:
            self.settings = replace(self.settings, nodes=max([self.settings.nodes, *self._traces_of_nodes()]))

    def _traces_of_nodes(self) -> list[int]:
        """Return the numbers of the nodes that have a directory or a network."""
        name = self.settings.name
        seen = [each.name for each in self.layout.nodes.glob("*")]
        seen += [each.removeprefix(f"kubern.{name}.") for each in fabric.namespaces_of(name)]
        tails = [each.removeprefix(f"{name}-") for each in seen]
        return [int(tail) for tail in tails if tail.isdecimal() and 0 < int(tail) <= MAX_NODES]

    def nodes(self) -> list[Node]:
        """Return the real nodes, running or not."""
        found = []
        for number in range(1, self.settings.nodes + 1):
            address = node_address(number, self.settings.pod_cidr)
            found.append(Node.of(self.layout, self.settings.name, node_name(self.settings, number), address))
        return found

    def probe(self) -> ApiProbe:
        """Return a way to ask the apiserver as administrator."""
        admin = pki.Pki(self.layout.pki).admin
        return ApiProbe(self.settings.api_port, pki.Pki(self.layout.pki).ca.certificate, admin.certificate, admin.key)

    def elsewhere(self) -> Path | None:
        """Return the directory of a running cluster of the same name that is not this one: they would share a network."""
        for process in processes.speaking_of("kubern", "control-plane", "--state"):
            with suppress(psutil.Error, IndexError):
                root = Path(process.cmdline()[-1])
                if root.name == self.layout.root.name and root.resolve() != self.layout.root.resolve():
                    return root
        return None

    def control_plane_runs(self) -> bool:
        """Whether the control plane's process lives."""
        return processes.find(self.layout.processes, CONTROL_PLANE) is not None


@contextmanager
def only_one(layout: Layout) -> Iterator[None]:
    """Let one command at a time change a cluster. Raises `RuntimeError` when another one is at it."""
    made = not layout.root.parent.exists()
    layout.root.parent.mkdir(parents=True, exist_ok=True)
    lock = layout.root.parent / f".{layout.root.name}.lock"
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # the holder before us may have deleted the file that we opened
            held = lock.stat().st_ino == os.fstat(file.fileno()).st_ino
        except (BlockingIOError, FileNotFoundError):
            held = False
        if not held:
            raise RuntimeError(
                f"another kubern command is changing the cluster {layout.root.name!r}; try again when it is done"
            )
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
            if made:
                with suppress(OSError):
                    layout.root.parent.rmdir()


def tail(path: Path, lines: int = 8) -> str:
    """Return the last lines of a log, for people."""
    try:
        return "\n".join(path.read_text(errors="replace").strip().splitlines()[-lines:])
    except FileNotFoundError:
        return "(nothing)"
