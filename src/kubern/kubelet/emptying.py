"""Directories that are to go, such as those of deleted volumes: taken away little by little, so that a huge one holds nobody up.

Whoever cannot wait renames one, beside itself, with `put_away`: `Emptying` runs as a task of the node's agent and deletes what is found
under such names. Who can wait calls `delete`. What always holds: putting away takes next to no room on a full disk, and no time; what
an agent had not finished the next goes on with, as all that is known is the names; no link is followed and nothing else is touched,
whatever runs inside; a disk that is mounted inside is left alone; agents that share the folder do not disturb each other; open files
and memory are bounded, however deep or wide a directory is.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kubern.base.clock import Clock

PREFIX = "end-"
AT_ONCE, PAUSE = 500, 0.01
"""Entries that are deleted in one go, and the seconds between: others want the disk and the executor's threads too."""
AGAIN = 300.0
"""Seconds until what could not be deleted is tried again, and what another agent left is found."""
DEPTH = 32
"""Directories that are open at a time; what lies deeper is put away by itself first."""
GONE = ""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_log = logging.getLogger(__name__)


def put_away(path: Path) -> None:
    """Give a directory a name under which it is deleted in its time; that is on the disk when this returns. One that is not there is
    no error. Raises `OSError`."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(f"{path} is a symbolic link or a file, and is left alone")
    # no other directory of the disk has the number, and the name is not longer than the one it replaces
    path.rename(path.with_name(f"{PREFIX}{found.st_ino}"))
    folder = os.open(path.parent, _DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Emptying:
    """Deletes what was put away in `root`; None: there is nothing to do."""

    def __init__(self, root: Path | None, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Say that something was put away."""
        self._wake.set()

    async def run(self) -> None:
        """Delete until cancelled."""
        if self._root is None:
            return
        while True:
            self._wake.clear()
            gone, failure = await _round(self._root, self._clock)
            if gone:
                continue
            if failure:
                _log.warning("%s", failure)
            await self._rest()

    async def _rest(self) -> None:
        waits = [asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(self._clock.sleep(AGAIN))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()


async def delete(path: Path, clock: Clock) -> None:
    """Delete a directory with all that is in it, in steps between which others are served; what cannot be deleted is logged."""
    while True:
        gone, failure = await _round(path.parent, clock, path.name)
        if not gone:
            break
    if failure:
        _log.warning("%s", failure)


async def _round(root: Path, clock: Clock, name: str = "") -> tuple[int, str]:
    """Go once over what was put away in `root`, and over `name`; return how many entries are gone, and why the last of the others is
    not."""
    gone, failure, steps = 0, "", _emptied(root, name)
    found: list[str | None] = [None] * AT_ONCE
    try:
        while len(found) == AT_ONCE:
            found = await asyncio.to_thread(lambda: list(islice(steps, AT_ONCE)))
            gone += found.count(GONE)
            failure = next((each for each in reversed(found) if each), failure)
            if len(found) == AT_ONCE:
                await clock.sleep(PAUSE)
    except OSError as error:
        # a disk that cannot be read must not end the agent
        failure = f"what is to go in {root} cannot be read: {error}"
    return gone, failure


if TYPE_CHECKING:
    Scan = os._ScandirIterator[str]


class _Level(NamedTuple):
    """A directory that is being emptied: its name in the one above, and what it holds."""

    name: str
    fd: int
    entries: Scan


def _emptied(root: Path, own: str) -> Iterator[str | None]:
    """Delete what was put away in `root`, and `own`, yielding for each entry: `GONE`, why it is still there, or None for a directory that
    was opened."""
    try:
        fd = os.open(root, _DIRECTORY)
    except FileNotFoundError:
        return
    try:
        for name in [each for each in os.listdir(fd) if each.startswith(PREFIX) or each == own]:
            yield from _tree(fd, name)
    finally:
        os.close(fd)


def _tree(root: int, name: str) -> Iterator[str | None]:
    """Empty and delete the directory `name` of `root`, yielding as `_emptied`."""
    levels: list[_Level] = []
    try:
        yield _said(name, partial(_open, levels, root, name))
        while levels:
            last = levels[-1]
            entry = next(last.entries, None)
            if entry is None:
                _close(levels.pop())
                above = levels[-1].fd if levels else root
                yield _said(f"{name}/…/{last.name}", partial(os.rmdir, last.name, dir_fd=above))
            else:
                yield _said(f"{name}/…/{entry.name}", partial(_take, root, levels, entry))
    finally:
        for level in levels:
            _close(level)


def _take(root: int, levels: list[_Level], entry: os.DirEntry[str]) -> bool:
    """Delete a file, go down into a directory, or put it away by itself where it lies deep."""
    fd = levels[-1].fd
    if not entry.is_dir(follow_symlinks=False):
        os.unlink(entry.name, dir_fd=fd)
    elif len(levels) < DEPTH:
        return _open(levels, fd, entry.name)
    else:
        os.rename(entry.name, f"{PREFIX}{entry.inode()}", src_dir_fd=fd, dst_dir_fd=root)
    return False


def _open(levels: list[_Level], above: int, name: str) -> bool:
    fd = os.open(name, _DIRECTORY, dir_fd=above)
    try:
        if os.fstat(fd).st_dev != os.stat(above).st_dev:
            raise OSError(errno.EXDEV, "another disk is mounted there")
        levels.append(_Level(name, fd, os.scandir(fd)))
    except OSError:
        os.close(fd)
        raise
    return True


def _close(level: _Level) -> None:
    level.entries.close()
    os.close(level.fd)


def _said(what: str, act: Callable[[], bool | None]) -> str | None:
    """Act on one entry (True: it was opened), and return what `_emptied` yields. One that is not there was taken by another agent."""
    try:
        return None if act() else GONE
    except FileNotFoundError:
        return GONE
    except OSError as error:
        return f"{what} cannot be deleted: {error.strerror}"
