"""hostPath: a file or directory of the node, checked for what it is said to be."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from kubern.kubelet.volume import Place, Volume, VolumeError

_CHECKS: Mapping[str, tuple[Callable[[int], bool], str]] = {
    "Directory": (stat.S_ISDIR, "directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "directory"),
    "File": (stat.S_ISREG, "file"),
    "FileOrCreate": (stat.S_ISREG, "file"),
    "Socket": (stat.S_ISSOCK, "socket file"),
    "CharDevice": (stat.S_ISCHR, "character device"),
    "BlockDevice": (stat.S_ISBLK, "block device"),
}


async def prepare(place: Place) -> Path:
    """Return the node's path. Raises `VolumeError` when it is not of the declared type."""
    return await asyncio.to_thread(check, place.volume["hostPath"])


def check(source: Mapping[str, str]) -> Path:
    """Return a hostPath source's path, made if its type says so. Raises `VolumeError` when it is something else."""
    path, kind = Path(source["path"]), source.get("type") or ""
    if kind == "DirectoryOrCreate" and not path.exists():
        path.mkdir(mode=0o755, parents=True)
    elif kind == "FileOrCreate" and not path.exists():
        path.touch(mode=0o644)
    if kind in _CHECKS:
        fits, name = _CHECKS[kind]
        if not path.exists() or not fits(path.stat().st_mode):
            raise VolumeError(f"hostPath type check failed: {path} is not a {name}")
    return path


VOLUME = Volume("hostPath", "host-path", prepare)
