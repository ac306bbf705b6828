"""Keeping containers' logs from filling the disk: a log that is too long is set aside and packed, the oldest ones are removed."""

from __future__ import annotations

import asyncio
import gzip
import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

from kubern.base.clock import Clock
from kubern.kubelet.runtime.contract import Runtime, RuntimeFailure

_log = logging.getLogger(__name__)


class LogRotation:
    """Rotates logs by size, as upstream: `0.log`, `0.log.<time>`, and older ones packed as `0.log.<time>.gz`."""

    def __init__(self, runtime: Runtime, clock: Clock, max_size: int, max_files: int) -> None:
        self._runtime = runtime
        self._clock = clock
        self._max_size = max_size
        self._max_files = max_files

    async def rotate(self, logs: Iterable[tuple[str, Path]]) -> None:
        """Look after the logs of running containers, given as (container id, path)."""
        for container_id, path in logs:
            if await asyncio.to_thread(_size, path) > self._max_size:
                await self._one(container_id, path)

    async def _one(self, container_id: str, path: Path) -> None:
        aside = path.with_name(f"{path.name}.{self._clock.now():%Y%m%d-%H%M%S}")
        await asyncio.to_thread(self._make_room, path)
        await asyncio.to_thread(path.rename, aside)
        try:
            await self._runtime.reopen_log(container_id)
        except RuntimeFailure as failure:
            # the runtime goes on writing to the old file: it gets its name back
            await asyncio.to_thread(aside.rename, path)
            _log.warning("log not rotated: %s", failure, extra={"container": container_id})

    def _make_room(self, path: Path) -> None:
        """Pack what was set aside before, and remove the oldest so that the new one fits in."""
        older = sorted(path.parent.glob(f"{path.name}.*"))
        # the current log and the one that is set aside now count as well
        keep = max(self._max_files - 2, 0)
        for each in older[: len(older) - keep]:
            each.unlink()
        for each in older[len(older) - keep :]:
            if each.suffix != ".gz":
                packed = each.with_name(each.name + ".gz")
                with each.open("rb") as plain, gzip.open(packed, "wb") as target:
                    shutil.copyfileobj(plain, target)
                each.unlink()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
