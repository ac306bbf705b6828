"""Directories that are to go: gone in the end whatever they hold, and nobody waits for them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kubern.base.clock import FakeClock, SystemClock
from kubern.kubelet.emptying import AGAIN, AT_ONCE, DEPTH, PREFIX, Emptying, delete, put_away

LIMIT = 60.0


@contextlib.asynccontextmanager
async def running(root: Path, clock: SystemClock | FakeClock | None = None) -> AsyncIterator[Emptying]:
    emptying = Emptying(root, clock or SystemClock())
    task = asyncio.ensure_future(emptying.run())
    try:
        yield emptying
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def gone(root: Path, *kept: str) -> None:
    """Wait until nothing but `kept` is in `root`."""
    async with asyncio.timeout(LIMIT):
        while sorted(os.listdir(root)) != sorted(kept):
            await SystemClock().sleep(0.005)


def deep(top: Path, depth: int) -> None:
    """Make directories below each other, deeper than any path can say."""
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d" * 50, dir_fd=fd)
        below = os.open("d" * 50, os.O_RDONLY, dir_fd=fd)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=below))
        os.close(fd)
        fd = below
    os.close(fd)


def test_putting_away_is_a_new_name_beside_that_is_not_longer(tmp_path: Path) -> None:
    volume = tmp_path / "pvc-0f0c9a52-4a35-4b39-8f4c-2f3b6c1d9e11"
    volume.mkdir()
    (volume / "file").write_text("x")
    put_away(volume)
    (name,) = os.listdir(tmp_path)
    assert name.startswith(PREFIX)
    assert len(name) <= len(volume.name)
    assert (tmp_path / name / "file").exists()
    put_away(volume)


async def test_a_wide_directory_goes_in_steps_that_can_be_interrupted(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    for number in range(2 * AT_ONCE):
        (tmp_path / "v" / str(number)).touch()
    put_away(tmp_path / "v")
    away = tmp_path / os.listdir(tmp_path)[0]
    clock = FakeClock()
    async with running(tmp_path, clock), asyncio.timeout(LIMIT):
        while len(os.listdir(away)) == 2 * AT_ONCE:
            await SystemClock().sleep(0.005)
    # the clock stands still: so it ended between two steps
    assert AT_ONCE <= len(os.listdir(away)) < 2 * AT_ONCE
    async with running(tmp_path):
        await gone(tmp_path)


async def test_what_is_deeper_than_paths_can_be_goes_with_few_open_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, real = 0, os.open

    def counting(*arguments, **options):  # type: ignore[no-untyped-def]
        nonlocal most
        most = max(most, len(os.listdir("/proc/self/fd")))
        return real(*arguments, **options)

    deep(tmp_path / "v", 20 * DEPTH)
    before = len(os.listdir("/proc/self/fd"))
    put_away(tmp_path / "v")
    monkeypatch.setattr(os, "open", counting)
    async with running(tmp_path):
        await gone(tmp_path)
    assert most <= before + 2 * DEPTH + 20


async def test_links_are_deleted_and_not_followed_and_nothing_else_is_touched(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    for folder in (root, other, root / "pvc-1", root / "pvc-2", root / "pvc-1" / "d"):
        folder.mkdir()
    (other / "kept").touch()
    (root / "pvc-1" / "link").symlink_to(other)
    (root / "pvc-1" / "d" / "up").symlink_to("../../pvc-2")
    (root / f"{PREFIX}link").symlink_to(other)
    put_away(root / "pvc-1")
    async with running(root):
        await gone(root, "pvc-2", f"{PREFIX}link")
    assert (other / "kept").exists()


async def test_agents_that_share_a_folder_do_not_disturb_each_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(30):
        for name in "abc":
            (tmp_path / str(number) / name / "d").mkdir(parents=True)
            (tmp_path / str(number) / name / "file").touch()
        put_away(tmp_path / str(number))
    async with running(tmp_path), running(tmp_path), running(tmp_path):
        await gone(tmp_path)


async def test_what_cannot_go_yet_is_said_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "v" / "d").mkdir(parents=True)
    (tmp_path / "v" / "busy").touch()
    put_away(tmp_path / "v")
    real, busy, clock = os.unlink, True, FakeClock()

    def unlink(name: str, *, dir_fd: int) -> None:
        if busy:
            raise OSError(16, "Device or resource busy")
        real(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", unlink)
    async with running(tmp_path, clock), asyncio.timeout(LIMIT):
        while "busy cannot be deleted: Device or resource busy" not in caplog.text and "not empty" not in caplog.text:
            await SystemClock().sleep(0.005)
            await clock.advance(1)
        busy = False
        while os.listdir(tmp_path):
            await SystemClock().sleep(0.005)
            await clock.advance(AGAIN)


async def test_who_waits_finds_it_gone_however_deep_and_wide(tmp_path: Path) -> None:
    deep(tmp_path / "v", 3 * DEPTH)
    for number in range(2 * AT_ONCE):
        (tmp_path / "v" / str(number)).touch()
    (tmp_path / "kept").mkdir()
    for name in ("v", "v", "none"):
        await delete(tmp_path / name, SystemClock())
    assert os.listdir(tmp_path) == ["kept"]
    await delete(tmp_path / "not" / "there", SystemClock())


async def test_waking_is_heard_while_it_rests(tmp_path: Path) -> None:
    async with running(tmp_path) as emptying:
        for name in "ab":
            (tmp_path / name).mkdir()
            put_away(tmp_path / name)
            emptying.wake()
            await gone(tmp_path)


async def test_a_folder_that_is_not_there_yet_is_no_harm(tmp_path: Path) -> None:
    root = tmp_path / "later"
    async with running(root) as emptying:
        (root / "v").mkdir(parents=True)
        put_away(root / "v")
        emptying.wake()
        await gone(root)
    await Emptying(None, SystemClock()).run()
