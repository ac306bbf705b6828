"""Puts the scheduler together, for its own program and for the control plane that hosts it."""

from __future__ import annotations

import asyncio
import random

from kubern.base.clock import Clock
from kubern.base.introspection import Introspection
from kubern.base.json import Obj
from kubern.client.contract import Client
from kubern.client.informer import Informers
from kubern.client.leaderelection import Elector, candidate
from kubern.scheduler.config import API_VERSION, Configuration
from kubern.scheduler.profile import DEFAULT_NAME, Profile
from kubern.scheduler.registry import load
from kubern.scheduler.scheduler import Scheduler


def default_configuration(name: str = DEFAULT_NAME) -> Configuration:
    """Return one profile with all plug-ins as they come."""
    return Configuration((Profile(name, load()),))


async def run_scheduler(
    client: Client,
    clock: Clock,
    config: Configuration | None = None,
    informers: Informers | None = None,
    introspection: Introspection | None = None,
) -> None:
    """Schedule until cancelled. `informers` are shared with others of the process; without them it follows the API by itself."""
    own = Informers(client, clock) if informers is None else informers
    settings = config or default_configuration()
    scheduler = Scheduler(client, own, clock, settings)
    if introspection is not None:
        scheduler.join(introspection)
        introspection.configuration[API_VERSION.partition("/")[0]] = lambda: _shown(settings)
    async with asyncio.TaskGroup() as group:
        if informers is None:
            own.start(group)
        await scheduler.run()


async def run_elected(
    client: Client, clock: Clock, config: Configuration, introspection: Introspection | None = None
) -> None:
    """Schedule while holding the configuration's Lease, and release it in the end. Raises `LeadershipLost`."""
    elector = Elector(client, clock, config.lease, candidate("default-scheduler", release=True), random.Random())
    if introspection is not None:
        elector.join(introspection)
    await elector.lead(lambda: run_scheduler(client, clock, config, introspection=introspection))


def _shown(config: Configuration) -> Obj:
    from kubern.scheduler.configz import shown

    return shown(config)
