"""Local volumes on disks of their own: one that is full, and one that is mounted inside a volume."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubern.base.clock import SystemClock
from kubern.kubelet.emptying import Emptying
from kubern.kubelet.local_volumes import LocalVolumes

FIRST, SECOND = (f"pvc-0f0c9a52-4a35-4b39-8f4c-00000000000{number}" for number in (1, 2))


@contextlib.contextmanager
def disk(path: Path, options: str, later: Path | None = None) -> Iterator[None]:
    """A disk in memory at `path`, and `later` elsewhere."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", later or path], check=True)


def volume(root: Path, name: str) -> dict:
    notes = {"pv.kubernetes.io/provisioned-by": "kubern.io/local"}
    return {"metadata": {"name": name, "annotations": notes}, "spec": {"local": {"path": str(root / name)}}}


def fill(folder: Path) -> None:
    """Use up what the disk has: its room, then its files."""
    with contextlib.suppress(OSError), (folder / "big").open("wb", buffering=0) as file:
        while file.write(bytes(65536)):
            pass
    with contextlib.suppress(OSError):
        for number in range(10_000):
            (folder / str(number)).touch()


async def emptied(root: Path, until: Callable[[], bool]) -> None:
    """Run what deletes until something holds."""
    task = asyncio.ensure_future(Emptying(root, SystemClock()).run())
    try:
        async with asyncio.timeout(60):
            while not until():
                await SystemClock().sleep(0.01)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_volume_that_fills_its_disk_can_be_removed_and_makes_room_for_the_next(tmp_path):
    root = tmp_path / "volumes"
    with disk(root, "size=512k,nr_inodes=200"):
        local = LocalVolumes(root)
        local.ensure(volume(root, FIRST))
        fill(root / FIRST)
        with pytest.raises(OSError, match="No space left on device"):
            local.ensure(volume(root, SECOND))
        local.remove(FIRST)
        assert FIRST not in os.listdir(root)
        await emptied(root, lambda: not os.listdir(root))
        local.ensure(volume(root, SECOND))
        (root / SECOND / "file").write_bytes(bytes(100_000))


async def test_a_disk_that_is_mounted_inside_a_volume_is_left_alone_and_said(tmp_path, caplog):
    root = tmp_path / "volumes"
    local = LocalVolumes(root)
    local.ensure(volume(root, FIRST))
    left = root / f"end-{(root / FIRST).stat().st_ino}"
    # it goes along with the directory, and is unmounted by its later name
    with disk(root / FIRST / "theirs", "size=64k", left / "theirs"):
        for file in (root / FIRST / "theirs" / "kept", root / FIRST / "file"):
            file.touch()
        local.remove(FIRST)
        await emptied(root, lambda: "cannot be deleted" in caplog.text)
        assert os.listdir(left) == ["theirs"]
        assert os.listdir(left / "theirs") == ["kept"]
    await emptied(root, lambda: not os.listdir(root))
