"""Images onto nodes: an archive is imported into every node's containerd, at start and by `kubern image load`."""

from __future__ import annotations

import json
import subprocess
import tarfile
import time
import zlib
from pathlib import Path
from typing import IO

from kubern.cluster.layout import CONTAINERD_SOCKET
from kubern.cluster.node import Node

IMPORT_SECONDS = 300


def load(node: Node, archive: Path) -> list[str]:
    """Import an OCI or Docker archive into a running node and return the names of its images. Raises `RuntimeError`."""
    command = node.enter("ctr", "-a", CONTAINERD_SOCKET, "-n", "k8s.io", "images", "import", "-")
    with archive.open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False, timeout=IMPORT_SECONDS)
    if done.returncode:
        raise RuntimeError(f"{node.name}: {done.stderr.strip() or done.stdout.strip()}")
    return [line.split()[1] for line in done.stdout.splitlines() if line.startswith("unpacking ")]


def wait_for_containerd(node: Node, timeout: float) -> None:
    """Return once containerd of a node that was just started answers. Raises `RuntimeError` when it does not in time."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        pid = node.first_process()
        # the node's own /run, seen through its first process
        if pid is not None and Path(f"/proc/{pid}/root{CONTAINERD_SOCKET}").exists():
            return
        if not node.running():
            break
        time.sleep(0.02)
    log = node.paths.logs / "containerd.log"
    last = log.read_text(errors="replace").strip().splitlines()[-3:] if log.exists() else []
    raise RuntimeError(f"containerd on {node.name} did not start; {log} ends with: {' | '.join(last) or 'nothing'}")


def load_first_time(node: Node, archives: Path) -> None:
    """Import every archive of the cluster that the node does not have yet."""
    known = _loaded(node)
    for archive in sorted(archives.glob("*.tar")):
        if _mark(archive) not in known:
            load(node, archive)
            remember(node, archive)


def remember(node: Node, archive: Path) -> None:
    """Note that the node has this archive of the cluster."""
    (node.paths.root / "images-loaded").write_text("\n".join([*_loaded(node), _mark(archive)]))


def _loaded(node: Node) -> list[str]:
    noted = node.paths.root / "images-loaded"
    return noted.read_text().split("\n") if noted.exists() else []


def _mark(archive: Path) -> str:
    stat = archive.stat()
    return f"{archive.name} {stat.st_size} {stat.st_mtime_ns}"


def names_in(archive: Path) -> list[str]:
    """Return the image names that an OCI or Docker archive carries; none for a file that is neither. Raises `OSError`."""
    try:
        with tarfile.open(archive) as tar:
            files = set(tar.getnames())
            index = json.load(_member(tar, "index.json")) if "index.json" in files else {}
            listed = json.load(_member(tar, "manifest.json")) if "manifest.json" in files else []
        notes = [manifest.get("annotations") or {} for manifest in index.get("manifests") or ()]
        names = [note["io.containerd.image.name"] for note in notes if "io.containerd.image.name" in note]
        found = names or [tag for image in listed for tag in image.get("RepoTags") or ()]
        return found if all(isinstance(name, str) for name in found) else []
    except (tarfile.TarError, zlib.error, EOFError, ValueError, KeyError, AttributeError, TypeError):
        return []


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file
