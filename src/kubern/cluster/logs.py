"""Keeps the programs' logs from filling the disk: one that has grown too large becomes `<name>.1`, and a fresh one begins.

The programs append to a file that was opened for them, so it is copied and emptied in place; what is written in the instant
between the two is lost. Called by the control plane for its own log and by a node's agent for those of the node.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from kubern.base.clock import Clock

LIMIT = 16 << 20
"""Bytes; with its predecessor a log takes twice that, and what a minute adds."""
EVERY = 60.0
"""Seconds between two looks."""


def bound(log: Path, limit: int = LIMIT) -> None:
    """Begin `log` afresh if it is larger than `limit` bytes. Silent for a log that does not exist."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > limit:
            shutil.copyfile(log, log.with_name(log.name + ".1"))
            os.truncate(log, 0)


async def keep_bounded(clock: Clock, logs: Sequence[Path]) -> None:
    """Bound these logs now and from time to time, until cancelled. A full disk does not end it."""
    while True:
        for log in logs:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(bound, log)
        await clock.sleep(EVERY)
