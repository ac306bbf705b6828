"""What the host has: is there all that real nodes need, and what did Kubern add to it that must go again."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from pathlib import Path

_NEEDED = {
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/bin/busybox": "busybox-static",
}
NEEDED_ROOM = 100
"""MB: a new cluster with two nodes and no images but its own takes about 20."""
_SHARED = (Path("/var/lib/cni"), Path("/run/netns"))
"""Directories outside a cluster's own that nodes need as mount points."""


def missing_for_nodes() -> list[str]:
    """Return why real nodes cannot run here, in words; empty when they can."""
    if os.geteuid() != 0:
        return ["not root"]
    missing = [
        package for file, package in _NEEDED.items() if not (Path(file).exists() if "/" in file else shutil.which(file))
    ]
    return [f"missing Debian packages: {' '.join(missing)}"] if missing else []


def check_room(folder: Path) -> None:
    """Raise `RuntimeError` when the disk that `folder` is or will be on has too little room for a new cluster."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(there).free >> 20
    if free < NEEDED_ROOM:
        raise RuntimeError(
            f"only {free} MB are free below {there}, and a cluster needs {NEEDED_ROOM} MB at least; "
            "make room, or set KUBERN_HOME to a directory on another disk"
        )


def make_shared(marker: Path) -> None:
    """Make the shared directories that are missing, and note in `marker` which these were."""
    noted = marker.read_text().split("\n") if marker.exists() else []
    made = [str(folder) for folder in _SHARED if not folder.exists()]
    if made:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text("\n".join(dict.fromkeys([*filter(None, noted), *made])))
    for folder in _SHARED:
        folder.mkdir(parents=True, exist_ok=True)


def remove_shared(marker: Path) -> None:
    """Remove the directories that `make_shared` made, as far as they are empty."""
    if not marker.exists():
        return
    for folder in filter(None, marker.read_text().split("\n")):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()
    marker.unlink()


def free_port(wanted: int) -> int:
    """Return `wanted` if nothing listens there on loopback, else a free port above it. Raises `OSError` when there is none."""
    for port in range(wanted, min(wanted + 200, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port on 127.0.0.1 from {wanted} on")
