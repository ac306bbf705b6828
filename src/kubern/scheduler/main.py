"""Puts the scheduler together, for its own program and for the control plane that hosts it."""

from __future__ import annotations

import asyncio

from kubern.base.clock import Clock
from kubern.client.contract import Client
from kubern.client.informer import Informers
from kubern.scheduler.registry import load
from kubern.scheduler.scheduler import DEFAULT_NAME, Scheduler


async def run_scheduler(
    client: Client, clock: Clock, name: str = DEFAULT_NAME, informers: Informers | None = None
) -> None:
    """Schedule until cancelled. `informers` are shared with others of the process; without them it follows the API by itself."""
    own = Informers(client, clock) if informers is None else informers
    scheduler = Scheduler(client, own, clock, load(), name)
    async with asyncio.TaskGroup() as group:
        if informers is None:
            own.start(group)
        await scheduler.run()
