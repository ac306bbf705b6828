"""Leader election on a Lease: of several replicas of a component, one works.

Callers: the programs of scheduler and controllers. What always holds: whoever has not renewed for `renew_deadline` (and the pause
before it) stops working before another may take over, which is `lease_duration` after its last renewal by everybody's own clock.
What a candidate makes of the Lease is in `lease_record`. Source: client-go's defaults (15 s, 10 s, 2 s), Events and messages.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, NamedTuple

from kubern.base.clock import Clock
from kubern.base.errors import AlreadyExists, Conflict, NotFound, StatusError
from kubern.base.introspection import Introspection
from kubern.base.json import Obj
from kubern.base.metrics import Family
from kubern.client.contract import GVR, Client
from kubern.client.events import NORMAL, EventRecorder
from kubern.client.lease_record import Seen, may_take, observed, released, taken, valid

log = logging.getLogger(__name__)

LEASES = GVR("coordination.k8s.io", "v1", "leases")
JITTER = 1.2
TOLERATED = 20.0
"""Seconds past the end of its Lease after which a leader counts as broken."""
LAST_WORD = 1.0
"""Seconds that the last Event may take when the work ends."""

Work = Callable[[], Awaitable[None]]


class LeaseSettings(NamedTuple):
    """Which Lease is contended for, and the three times in seconds: upstream's --leader-elect-… flags."""

    name: str
    namespace: str = "kube-system"
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0

    def checked(self) -> LeaseSettings:
        """Return these settings. Raises `ValueError` for times with which two might lead at once."""
        if self.lease_duration <= self.renew_deadline:
            raise ValueError("leaseDuration must be greater than renewDeadline")
        if self.renew_deadline <= JITTER * self.retry_period:
            raise ValueError("renewDeadline must be greater than retryPeriod*JitterFactor")
        if self.lease_duration < 1 or self.retry_period <= 0:
            raise ValueError("leaseDuration must be at least a second, and retryPeriod greater than zero")
        return self


class Candidate(NamedTuple):
    """Who contends. `release`: whether it gives the Lease up when it is told to end."""

    identity: str
    component: str
    """The source of its Events."""
    release: bool = False


def candidate(component: str, *, release: bool) -> Candidate:
    """Return this process as a candidate, with an identity of its own."""
    return Candidate(f"{socket.gethostname()}_{uuid.uuid4()}", component, release)


class LeadershipLost(RuntimeError):
    """The Lease could not be renewed in time; the work has been stopped."""


class Elector:
    """One candidate for one Lease."""

    def __init__(
        self, client: Client, clock: Clock, settings: LeaseSettings, candidate: Candidate, chance: random.Random
    ) -> None:
        self._client = client
        self._clock = clock
        self._settings = settings
        self._me = candidate
        self._chance = chance
        self._recorder = EventRecorder(client, candidate.component, clock)
        self._seen: Seen | None = None
        self._reported = ""
        self._leads = False

    async def lead(self, work: Work) -> None:
        """Wait until elected, then run `work` until it ends. Raises `LeadershipLost` when leadership was lost meanwhile."""
        settings = self._settings
        while not await self._try():
            await self._clock.sleep(settings.retry_period * (1 + JITTER * self._chance.random()))
        self._leads = True
        self._tell("became leader")
        working, renewing = asyncio.ensure_future(work()), asyncio.ensure_future(self._renew())
        telling = asyncio.ensure_future(self._recorder.run())
        tasks = (working, renewing, telling)
        try:
            await asyncio.wait((working, renewing), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise LeadershipLost(f"leaderelection lost: lease {settings.namespace}/{settings.name}")
            working.result()
        finally:
            self._leads = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._ended()

    def join(self, introspection: Introspection) -> None:
        """Let a program tell whether this candidate leads, and whether it renews its Lease."""
        introspection.checks["leaderElection"] = self.check
        introspection.sources.append(self.families)

    def check(self) -> str:
        """Return what is wrong: a leader that could not renew its Lease for long, and works all the same."""
        seen, settings = self._seen, self._settings
        if not self._leads or seen is None:
            return ""
        late = self._clock.monotonic() - seen.at > settings.lease_duration + TOLERATED
        return f"failed election to renew leadership on lease {settings.name}" if late else ""

    def families(self) -> Iterator[Family]:
        """Yield the metrics."""
        yield Family(
            "leader_election_master_status", "gauge",
            "[ALPHA] Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates "
            "master. 'name' is the string used to identify the lease. Please make sure to group by name.",
            ("name",), {(self._settings.name,): int(self._leads)},
        )  # fmt: skip

    async def _ended(self) -> None:
        """Say so, and release the Lease where that is wanted: the work is over."""
        self._tell("stopped leading")
        await self._within(LAST_WORD, self._recorder.flush())
        seen = self._seen
        if not self._me.release or seen is None or seen.holder != self._me.identity:
            return
        try:
            spec = released(seen.lease["spec"], self._clock.now())
            self._wrote(await self._client.update(LEASES, {**seen.lease, "spec": spec}))
        except StatusError as error:
            log.info("releasing lease %s: %s", self._settings.name, error)

    def _tell(self, what: str) -> None:
        log.info("%s %s", self._me.identity, what, extra={"lease": f"{self._settings.namespace}/{self._settings.name}"})
        if self._seen is not None:
            lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **self._seen.lease}
            self._recorder.event(lease, NORMAL, "LeaderElection", f"{self._me.identity} {what}")

    async def _renew(self) -> None:
        """Renew again and again; return when that has failed for the deadline."""
        while True:
            await self._clock.sleep(self._settings.retry_period)
            if not await self._within(self._settings.renew_deadline, self._renewed()):
                return

    async def _renewed(self) -> None:
        while not await self._try():
            await self._clock.sleep(self._settings.retry_period)

    async def _within(self, seconds: float, coroutine: Coroutine[Any, Any, None]) -> bool:
        """Run something for at most some seconds; returns whether it ended by itself."""
        work, limit = asyncio.ensure_future(coroutine), asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((work, limit), return_when=asyncio.FIRST_COMPLETED)
            return work.done()
        finally:
            work.cancel()
            limit.cancel()
            await asyncio.gather(work, limit, return_exceptions=True)

    async def _try(self) -> bool:
        """Take or renew the Lease; returns whether it is ours."""
        seen = self._seen
        leading = seen is not None and seen.holder == self._me.identity and valid(seen, self._clock.monotonic())
        # who leads need not look first: nobody else may have written
        if seen is not None and leading and await self._take(seen.lease):
            return True
        try:
            lease = await self._client.get(LEASES, self._settings.name, self._settings.namespace)
        except NotFound:
            return await self._create()
        except StatusError as error:
            log.warning("reading lease %s: %s", self._settings.name, error)
            return False
        now = self._clock.monotonic()
        self._seen = observed(self._seen, lease, now)
        self._report()
        return may_take(self._seen, self._me.identity, now) and await self._take(lease)

    async def _create(self) -> bool:
        settings = self._settings
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": settings.name, "namespace": settings.namespace},
            "spec": taken(None, self._me.identity, settings.lease_duration, self._clock.now()),
        }
        try:
            self._wrote(await self._client.create(LEASES, lease))
        except AlreadyExists:
            return False
        except StatusError as error:
            log.warning("creating lease %s: %s", settings.name, error)
            return False
        return True

    async def _take(self, lease: Obj) -> bool:
        spec = taken(lease.get("spec") or {}, self._me.identity, self._settings.lease_duration, self._clock.now())
        began = self._clock.monotonic()
        try:
            answer = await self._client.update(LEASES, {**lease, "spec": spec})
        except Conflict:
            return False
        except StatusError as error:
            log.warning("renewing lease %s: %s", self._settings.name, error)
            return False
        self._wrote(answer, began)
        return True

    def _wrote(self, lease: Obj, began: float | None = None) -> None:
        """Take note of a write; it counts from when it was sent, as others may have seen it since then."""
        self._seen = Seen(lease, self._clock.monotonic() if began is None else began)
        self._report()

    def _report(self) -> None:
        holder = self._seen.holder if self._seen is not None else ""
        if holder and holder != self._reported:
            self._reported = holder
            log.info("new leader elected", extra={"lease": self._settings.name, "identity": holder})
