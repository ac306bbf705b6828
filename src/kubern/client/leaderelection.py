"""Leader election on a Lease: of several replicas of a component, one works.

Callers: the programs of scheduler and controllers, when they run more than once. What always holds: whoever has not renewed within
`renew_deadline` stops working before another may take over (`lease_duration` later than its last renewal, by everybody's own clock).
Source: the API documentation of coordination.k8s.io/v1 Lease and client-go's defaults (15 s, 10 s, 2 s).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from kubern.base.clock import Clock, rfc3339_micro
from kubern.base.errors import AlreadyExists, Conflict, NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client

log = logging.getLogger(__name__)

LEASES = GVR("coordination.k8s.io", "v1", "leases")
JITTER = 1.2


class Election(NamedTuple):
    """Which Lease is contended for, as whom, and the three times in seconds."""

    name: str
    identity: str
    namespace: str = "kube-system"
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0


class LeadershipLost(RuntimeError):
    """The Lease could not be renewed in time; the work has been stopped."""


class Elector:
    """One candidate."""

    def __init__(self, client: Client, clock: Clock, election: Election, chance: random.Random) -> None:
        self._client = client
        self._clock = clock
        self._election = election
        self._chance = chance
        self._seen: Obj | None = None
        self._seen_at = 0.0

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait until elected, then run `work` until it ends. Raises `LeadershipLost` when leadership was lost meanwhile."""
        while not await self._try():
            await self._clock.sleep(self._election.retry_period * (1 + JITTER * self._chance.random()))
        log.info("became leader", extra={"lease": self._election.name, "identity": self._election.identity})
        working = asyncio.ensure_future(work())
        renewing = asyncio.ensure_future(self._renew())
        try:
            await asyncio.wait((working, renewing), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
                return
            raise LeadershipLost(f"lease {self._election.namespace}/{self._election.name} was lost")
        finally:
            for task in (working, renewing):
                task.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)

    async def release(self) -> None:
        """Let another candidate take over at once; call it after the work has ended. Does nothing when not leading."""
        held = self._seen
        if held is None or held["spec"].get("holderIdentity") != self._election.identity:
            return
        spec = {**held["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            self._seen = await self._client.update(LEASES, {**held, "spec": spec})
        except StatusError as error:
            log.info("releasing lease %s: %s", self._election.name, error)

    async def _renew(self) -> None:
        """Renew until that has failed for the deadline."""
        renewed = self._clock.monotonic()
        while self._clock.monotonic() - renewed < self._election.renew_deadline:
            await self._clock.sleep(self._election.retry_period)
            began = self._clock.monotonic()
            if await self._try():
                renewed = began

    async def _try(self) -> bool:
        """Take or renew the Lease; returns whether it is ours."""
        election = self._election
        try:
            lease = await self._client.get(LEASES, election.name, election.namespace)
        except NotFound:
            return await self._create()
        except StatusError as error:
            log.warning("reading lease %s: %s", election.name, error)
            return False
        if self._seen is None or self._seen["spec"] != lease["spec"]:
            # the record's own times are another machine's: what counts is when a change of it was seen here
            self._seen, self._seen_at = lease, self._clock.monotonic()
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        lasts = float(spec.get("leaseDurationSeconds") or election.lease_duration)
        if holder not in ("", election.identity) and self._clock.monotonic() < self._seen_at + lasts:
            return False
        return await self._take(lease, spec, holder)

    async def _create(self) -> bool:
        now = rfc3339_micro(self._clock.now())
        spec = self._spec(now, now, 0)
        meta = {"name": self._election.name, "namespace": self._election.namespace}
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
        try:
            self._seen = await self._client.create(LEASES, lease)
        except AlreadyExists:
            return False
        except StatusError as error:
            log.warning("creating lease %s: %s", self._election.name, error)
            return False
        self._seen_at = self._clock.monotonic()
        return True

    async def _take(self, lease: Obj, spec: Obj, holder: str) -> bool:
        now = rfc3339_micro(self._clock.now())
        mine = holder == self._election.identity
        transitions = int(spec.get("leaseTransitions") or 0) + (0 if mine else 1)
        acquired = spec.get("acquireTime") or now if mine else now
        try:
            self._seen = await self._client.update(
                LEASES, {**lease, "spec": {**spec, **self._spec(acquired, now, transitions)}}
            )
        except Conflict:
            return False
        except StatusError as error:
            log.warning("renewing lease %s: %s", self._election.name, error)
            return False
        self._seen_at = self._clock.monotonic()
        return True

    def _spec(self, acquired: str, renewed: str, transitions: int) -> Obj:
        return {
            "holderIdentity": self._election.identity,
            "leaseDurationSeconds": int(self._election.lease_duration),
            "acquireTime": acquired,
            "renewTime": renewed,
            "leaseTransitions": transitions,
        }
