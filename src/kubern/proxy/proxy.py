"""The proxy's loop: follows Services and EndpointSlices and keeps the kernel's rules equal to them."""

from __future__ import annotations

import asyncio
import logging

from kubern.base.backoff import Backoff
from kubern.base.clock import Clock
from kubern.base.introspection import Introspection
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.client.informer import Informers
from kubern.proxy.backends.nftables import ruleset
from kubern.proxy.health import Health
from kubern.proxy.loader import LoadError, NftLoader
from kubern.proxy.meters import Meters
from kubern.proxy.model import Place, ports

log = logging.getLogger(__name__)

SERVICES = GVR("", "v1", "services")
SLICES = GVR("discovery.k8s.io", "v1", "endpointslices")
NODES = GVR("", "v1", "nodes")
GATHER = 0.02
"""Seconds that changes are gathered before they are loaded: a rollout touches many slices at once."""


class Proxy:
    """The service proxy of one node."""

    def __init__(
        self, informers: Informers, clock: Clock, node: str, pod_cidr: str = "", health: Health | None = None
    ) -> None:
        self._clock = clock
        self._health = health or Health(clock)
        self.meters = Meters(clock.now())
        self._own_node = informers.of(NODES, field_selector=f"metadata.name={node}")
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
        self._services.on_change(lambda before, after: self._note("service", after))
        self._slices.on_change(lambda before, after: self._note("endpoint", after))
        self._own_node.on_change(self._moved)
        await self._own_node.synced.wait()
        await self._services.synced.wait()
        await self._slices.synced.wait()
        backoff = Backoff(0.5, 30.0)
        while True:
            self._changed.clear()
            try:
                await self._load()
                backoff.reset("load")
                self.synced.set()
                self._health.updated()
            except LoadError as error:
                log.error("the rules could not be loaded: %s", error)
                await self._clock.sleep(backoff.next("load"))
                continue
            await self._changed.wait()
            await self._clock.sleep(GATHER)

    async def _load(self) -> None:
        taken, begun = self.meters.loading(), self._clock.monotonic()
        wanted = ports(self._services.list(), self._slices.list(), self._place())
        try:
            changed = await self._loader.load(ruleset(wanted, self._pod_cidr))
        except LoadError:
            self.meters.failed(taken)
            raise
        if changed:
            log.info("rules for %d service ports loaded", len(wanted))
        self.meters.loaded(taken, self._clock.monotonic() - begun, self._clock.now())

    def _place(self) -> Place:
        return Place(self._node, _zone(self._own_node.get("", self._node)))

    def _moved(self, before: Obj | None, after: Obj | None) -> None:
        self._health.node_changed(before, after)
        if _zone(before) != _zone(after):
            self._changed.set()

    def _note(self, kind: str, after: Obj | None) -> None:
        self.meters.changed(kind, after, self._clock.now())
        self._health.queued()
        self._changed.set()


def _zone(node: Obj | None) -> str:
    labels = ((node or {}).get("metadata") or {}).get("labels") or {}
    return str(labels.get("topology.kubernetes.io/zone") or "")


async def run_proxy(
    client: Client,
    clock: Clock,
    node: str,
    pod_cidr: str = "",
    introspection: Introspection | None = None,
    health: Health | None = None,
) -> None:
    """Run the proxy of `node` until cancelled; `health` is told how it fares."""
    own = Informers(client, clock)
    proxy = Proxy(own, clock, node, pod_cidr, health)
    if introspection is not None:
        introspection.sources.append(proxy.meters.families)
    async with asyncio.TaskGroup() as group:
        own.start(group)
        await proxy.run()
