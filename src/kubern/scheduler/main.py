"""Puts the scheduler together, for its own program and for the control plane that hosts it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from kubern.base.clock import Clock
from kubern.client.contract import Client
from kubern.client.informer import Informers
from kubern.scheduler.profile import DEFAULT_NAME, Profile
from kubern.scheduler.registry import load
from kubern.scheduler.scheduler import Scheduler


async def run_scheduler(
    client: Client,
    clock: Clock,
    profiles: Sequence[Profile] | None = None,
    informers: Informers | None = None,
) -> None:
    """Schedule until cancelled. `informers` are shared with others of the process; without them it follows the API by itself."""
    own = Informers(client, clock) if informers is None else informers
    scheduler = Scheduler(client, own, clock, profiles or [Profile(DEFAULT_NAME, load())])
    async with asyncio.TaskGroup() as group:
        if informers is None:
            own.start(group)
        await scheduler.run()
