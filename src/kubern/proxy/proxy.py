"""The proxy's loop: follows Services and EndpointSlices and keeps the kernel's rules equal to them."""

from __future__ import annotations

import asyncio
import logging

from kubern.base.backoff import Backoff
from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.client.informer import Informers
from kubern.proxy.backends.nftables import ruleset
from kubern.proxy.loader import LoadError, NftLoader
from kubern.proxy.model import ports

log = logging.getLogger(__name__)

SERVICES = GVR("", "v1", "services")
SLICES = GVR("discovery.k8s.io", "v1", "endpointslices")
GATHER = 0.02
"""Seconds that changes are gathered before they are loaded: a rollout touches many slices at once."""
REFRESH = 300.0


class Proxy:
    """The service proxy of one node."""

    def __init__(self, client: Client, informers: Informers, clock: Clock, node: str, pod_cidr: str = "") -> None:
        self._clock = clock
        self._node = node
        self._pod_cidr = pod_cidr
        self._services = informers.of(SERVICES)
        self._slices = informers.of(SLICES)
        self._loader = NftLoader()
        self._changed = asyncio.Event()
        self.synced = asyncio.Event()
        """Set once the first rules are in the kernel."""

    async def run(self) -> None:
        """Keep the rules until cancelled; what stands then stays, so that a restart interrupts nobody."""
        self._services.on_change(self._note)
        self._slices.on_change(self._note)
        await self._services.synced.wait()
        await self._slices.synced.wait()
        backoff = Backoff(0.5, 30.0)
        while True:
            self._changed.clear()
            try:
                await self._load()
                backoff.reset("load")
                self.synced.set()
            except LoadError as error:
                log.error("the rules could not be loaded: %s", error)
                await self._clock.sleep(backoff.next("load"))
                continue
            await self._changed.wait()
            await self._clock.sleep(GATHER)

    async def _load(self) -> None:
        wanted = ports(self._services.list(), self._slices.list(), self._node)
        if await self._loader.load(ruleset(wanted, self._pod_cidr)):
            log.info("rules for %d service ports loaded", len(wanted))

    def _note(self, before: Obj | None, after: Obj | None) -> None:
        self._changed.set()


async def run_proxy(
    client: Client, clock: Clock, node: str, pod_cidr: str = "", informers: Informers | None = None
) -> None:
    """Run the proxy of `node` until cancelled. `informers` are shared with others of the process."""
    own = Informers(client, clock) if informers is None else informers
    proxy = Proxy(client, own, clock, node, pod_cidr)
    async with asyncio.TaskGroup() as group:
        if informers is None:
            own.start(group)
        await proxy.run()
