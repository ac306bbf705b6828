"""Keeps virtual nodes alive: registers them, renews their leases and tells their status, spread evenly over time.

Run by `nodes.VirtualNodes`. A few workers do it for all nodes, whatever their number; a node that is scripted to be silent is left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from kubern.base.clock import Clock
from kubern.base.errors import AlreadyExists, NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.client.informer import Informer
from kubern.simulation import objects
from kubern.simulation.places import Place
from kubern.simulation.script import is_silent

log = logging.getLogger(__name__)

NODES = GVR("", "v1", "nodes")
LEASES = GVR("coordination.k8s.io", "v1", "leases")
LEASE_EVERY = 10.0
STATUS_EVERY = 300.0
SLOTS = 40
"""A round of heartbeats is spread over this many moments: with 5,000 nodes, 125 leases every quarter of a second."""
WORKERS = 64
"""More than a busy control plane answers at once: with 16, each answered in 0.2 s, a round of 5,000 leases would take a minute."""


class Heartbeats:
    """The heartbeats of the nodes in `places`. `nodes` holds what the API says of them, `is_silent` which of them are dead."""

    def __init__(
        self,
        client: Client,
        nodes: Informer,
        clock: Clock,
        places: Mapping[str, Place],
        is_silent: Callable[[Obj | None], bool] = is_silent,
    ) -> None:
        self._is_silent = is_silent
        self._client = client
        self._nodes = nodes
        self._clock = clock
        self._places = places
        self._status_due: dict[str, float] = {}
        self._at_once: set[str] = set()
        self._registered: set[str] = set()

    def beat_now(self, name: str) -> None:
        """Have a node that came back heard of within a slot."""
        self._at_once.add(name)

    async def run(self) -> None:
        """Register all, then beat until cancelled."""
        await self._nodes.synced.wait()
        names = list(self._places)
        await _each(names, self._register)
        began = self._clock.monotonic()
        for number, name in enumerate(names):
            self._status_due[name] = began + STATUS_EVERY * (number + 1) / len(names)
        slot, due = 0, began
        while True:
            slot = (slot + 1) % SLOTS
            at_once, self._at_once = self._at_once, set()
            await _each({*names[slot::SLOTS], *at_once}, self._beat)
            # a slot that came late is not made up for: the next round comes soon enough, and the machine has enough to do
            now = self._clock.monotonic()
            due = max(due + LEASE_EVERY / SLOTS, now)
            await self._clock.sleep(due - now)

    async def _register(self, name: str) -> None:
        """Create a node with its status and lease, as kubelets do; one that is there tells its status anew."""
        held = self._nodes.get("", name)
        if self._is_silent(held):
            return
        if held is None:
            place, now = self._places[name], self._clock.now()
            made = objects.node(name, place.pod_cidr) | {"status": objects.node_status(name, place.address, now, {})}
            held = await self._client.create(NODES, made)
        else:
            await self._report(name, held)
        self._registered.add(name)
        try:
            await self._client.create(LEASES, objects.lease(name, self._clock.now(), held["metadata"].get("uid", "")))
        except AlreadyExists:
            await self._renew(name)

    async def _beat(self, name: str) -> None:
        held = self._nodes.get("", name)
        if name not in self._registered:
            await self._register(name)
            return
        # one that somebody deleted stays away: a kubelet registers when it starts and never again
        if held is None or self._is_silent(held):
            return
        now = self._clock.monotonic()
        # a controller may have called the node lost meanwhile
        if now >= self._status_due[name] or not objects.is_ready(held):
            await self._report(name, held)
            self._status_due[name] = max(now, self._status_due[name]) + STATUS_EVERY
        await self._renew(name)

    async def _report(self, name: str, held: Obj) -> None:
        status = objects.node_status(name, self._places[name].address, self._clock.now(), held.get("status") or {})
        await self._client.patch(NODES, name, {"status": status}, subresource="status")

    async def _renew(self, name: str) -> None:
        spec = objects.lease_spec(name, self._clock.now())
        try:
            await self._client.patch(LEASES, name, {"spec": spec}, "kube-node-lease")
        except NotFound:
            uid = ((self._nodes.get("", name) or {}).get("metadata") or {}).get("uid")
            if uid:
                await self._client.create(LEASES, objects.lease(name, self._clock.now(), uid))


async def _each(names: Iterable[str], work: Callable[[str], Awaitable[None]]) -> None:
    """Do the work for each name, a few at a time."""
    left = iter(names)

    async def worker() -> None:
        for name in left:
            try:
                await work(name)
            except StatusError as error:
                log.warning("virtual node %s: %s", name, error)

    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(worker())
