"""Files that containers read while they change: all of them change at once or none does.

The layout is upstream's, which programs rely on: `name -> ..data/name`, `..data -> ..<time>`; one rename of `..data` switches.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kubern.base.clock import Clock

_DATA = "..data"


class File(NamedTuple):
    """One file's content, mode, and owner (None: root)."""

    content: bytes
    mode: int = 0o644
    user: int | None = None


def write_payload(directory: Path, files: Mapping[str, File], clock: Clock, group: int | None = None) -> bool:
    """Make `directory` hold exactly `files` (relative path → file); return whether anything changed.

    A crash at any moment leaves the old or the new files. With `group` (fsGroup) everything is readable by that group.
    """
    directory.mkdir(parents=True, exist_ok=True)
    data = directory / _DATA
    if data.is_symlink() and _read(data) == dict(files):
        return False
    old = Path(os.readlink(data)) if data.is_symlink() else None
    fresh = directory / clock.now().strftime("..%Y_%m_%d_%H_%M_%S.%f")
    _write(fresh, files, group)
    swap = directory / "..data_tmp"
    swap.unlink(missing_ok=True)
    swap.symlink_to(fresh.name)
    swap.rename(data)
    _link_names(directory, {path.split("/")[0] for path in files})
    if old is not None:
        shutil.rmtree(directory / old, ignore_errors=True)
    return True


def _read(data: Path) -> dict[str, File]:
    found = {}
    for folder, _, names in os.walk(data.resolve()):
        for name in names:
            path = Path(folder, name)
            facts = path.stat()
            user = facts.st_uid or None
            found[str(path.relative_to(data.resolve()))] = File(path.read_bytes(), facts.st_mode & 0o777, user)
    return found


def _write(fresh: Path, files: Mapping[str, File], group: int | None) -> None:
    fresh.mkdir(mode=0o755)
    for path, file in files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        if file.user is not None:
            os.chown(target, file.user, -1)
        target.chmod(file.mode)
    if group is not None:
        for folder, folders, names in os.walk(fresh):
            for path in (folder, *(os.path.join(folder, each) for each in (*folders, *names))):
                os.chown(path, -1, group)
    fresh.chmod(0o755)


def _link_names(directory: Path, wanted: set[str]) -> None:
    """Link every visible name to its file below `..data`, and take away the names that are no more."""
    for entry in directory.iterdir():
        if not entry.name.startswith("..") and entry.name not in wanted:
            entry.unlink() if entry.is_symlink() or entry.is_file() else shutil.rmtree(entry)
    for name in wanted:
        link = directory / name
        if not link.is_symlink():
            link.symlink_to(f"{_DATA}/{name}")


def file_mode(declared: int | None, default: int | None, group: int | None) -> int:
    """Return a file's mode: its own, else the volume's, else 0644; with a group, readable by it."""
    mode = declared if declared is not None else default if default is not None else 0o644
    return mode | (mode & 0o400) >> 3 if group is not None else mode


def share_with_group(path: Path, group: int | None) -> None:
    """Give a directory to the pod's fsGroup: writable, and what is made in it belongs to the group too."""
    if group is not None:
        os.chown(path, -1, group)
        path.chmod(path.stat().st_mode & 0o7777 | 0o2770)
