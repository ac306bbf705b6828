"""Follows the APIServices: who answers which group version, whether they do, and what they have.

Made by `ApiServer`, which runs it. What always holds: a request goes to another server only while its APIService says so; a server
is asked again half a minute after it answered, and after a growing pause when it did not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence

from kubern.apiserver.aggregation.availability import available, check
from kubern.apiserver.aggregation.describing import resources_of
from kubern.apiserver.aggregation.extensions import Extensions
from kubern.apiserver.aggregation.registering import GROUP, PLURAL, register, set_condition
from kubern.apiserver.aggregation.remote import Remote, remote_of
from kubern.apiserver.cache import Change
from kubern.apiserver.core import Core
from kubern.apiserver.encoding import Entry
from kubern.base.backoff import Backoff
from kubern.base.errors import StatusError
from kubern.base.metrics import Family
from kubern.store.contract import StoreError

RECHECK = 30.0
"""Seconds until a server that answered is asked again."""
_log = logging.getLogger(__name__)


class Aggregation:
    """The aggregation of an apiserver; without the resource APIService it does nothing."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._extensions: Extensions = core.extensions
        self._wake = asyncio.Event()
        self._due: dict[tuple[str, str], float] = {}
        self._backoff = Backoff(0.25, RECHECK)
        self._registered = False
        self.active = (GROUP, "v1", PLURAL) in core.resources
        if self.active:
            core.feed.listen(f"{GROUP}/{PLURAL}", _Listener(self._followed))
            backing = [("services", ""), ("endpoints", ""), ("endpointslices", "discovery.k8s.io")]
            for plural, group in backing:
                if core.has_storage(plural, group):
                    core.feed.listen(core.storage_of(plural, group).prefix, _Listener(self._backing))

    def families(self) -> Iterator[Family]:
        """Yield which registered servers do not answer."""
        series: dict[tuple[str, ...], float] = {
            (remote.name,): float(not remote.available) for remote in self._extensions.remotes.values()
        }
        yield Family(
            "aggregator_unavailable_apiservice", "gauge",
            "[ALPHA] Gauge of APIServices which are marked as unavailable broken down by APIService name.", ("name",), series,
        )  # fmt: skip

    async def start(self) -> None:
        """Register what this server answers itself."""
        if self.active:
            await register(self._core, starting=True)
            self._core.follow(self._served_anew)

    async def run(self) -> None:
        """Keep APIServices and servers in step until cancelled."""
        while True:
            await self._pause()
            self._wake.clear()
            try:
                await self._step()
            except (StatusError, StoreError):
                _log.exception("the APIServices could not be kept in step")
                await self._core.clock.sleep(1)
                self._wake.set()

    async def _step(self) -> None:
        if not self._registered:
            self._registered = True
            await register(self._core, starting=False)
        now = self._core.clock.monotonic()
        remotes = [r for key, r in self._extensions.remotes.items() if self._due.get(key, 0.0) <= now]
        await asyncio.gather(*(self._look_at(remote) for remote in remotes))

    async def _pause(self) -> None:
        """Wait until something has changed or a server is due."""
        if not self._due:
            await self._wake.wait()
            return
        seconds = min(self._due.values()) - self._core.clock.monotonic()
        timer = asyncio.ensure_future(self._core.clock.sleep(max(seconds, 0.0)))
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait([timer, woken], return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            woken.cancel()

    async def _look_at(self, remote: Remote) -> None:
        """Ask a server and write down what came of it."""
        core = self._core
        status, reason, message = await check(self._extensions, core.backends, remote)
        good = status == "True"
        found = await resources_of(self._extensions, remote) if good else None
        if self._extensions.remotes.get(remote.key) is None:
            return
        self._describe(remote, found)
        if good:
            self._backoff.reset(remote.key)
        pause = RECHECK if good else self._backoff.next(remote.key)
        self._due[remote.key] = core.clock.monotonic() + pause
        await set_condition(core, remote.name, available(status, reason, message, core.clock.now()))

    def _describe(self, remote: Remote, found: Sequence[dict[str, object]] | None) -> None:
        """Keep what a server has said of its resources, and let discovery know when it is something else."""
        resources = self._extensions.resources
        if resources.get(remote.key) == found:
            return
        if found is None:
            del resources[remote.key]
        else:
            resources[remote.key] = found
        self._core.announce()

    def _followed(self) -> None:
        """Take in what the APIServices say now."""
        found = (remote_of(entry.obj()) for entry in self._core.select(PLURAL, group=GROUP))
        remotes = {remote.key: remote for remote in found if remote is not None}
        old = self._extensions.remotes
        if remotes == old:
            return
        self._extensions.remotes = remotes
        changed = {key for key in remotes.keys() | old.keys() if _target(remotes.get(key)) != _target(old.get(key))}
        for key in changed:
            self._due.pop(key, None)
            self._extensions.resources.pop(key, None)
            if key in remotes:
                self._due[key] = 0.0
        if changed:
            self._core.announce()
            self._wake.set()

    def _backing(self) -> None:
        """A Service or its endpoints changed: look at the servers that do not answer."""
        for key, remote in self._extensions.remotes.items():
            if not remote.available:
                self._due[key] = 0.0
                self._wake.set()

    def _served_anew(self) -> None:
        self._registered = False
        self._wake.set()


def _target(remote: Remote | None) -> Remote | None:
    """What of a remote decides where requests go, its availability aside."""
    return remote._replace(available=False) if remote is not None else None


class _Listener:
    """Calls back whenever the objects of a resource change, once for all that came together at the start."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def load(self, entries: Sequence[Entry]) -> None:
        self._changed()

    def change(self, change: Change) -> None:
        self._changed()
