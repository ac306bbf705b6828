"""Noticing what happens to containers: the runtime's events where it has them, and a look at everything each second.

Only pods of which something changed are woken. A lost event is made up for by the next look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from kubern.base.clock import Clock
from kubern.kubelet.podspec import UID_LABEL
from kubern.kubelet.runtime.contract import Runtime, RuntimeFailure

_log = logging.getLogger(__name__)
_EVENTLESS = ("UNIMPLEMENTED",)


class Relister:
    """Calls `changed(uid)` for each pod whose sandboxes or containers are not as they were a second ago."""

    def __init__(self, runtime: Runtime, clock: Clock, period: float, changed: Callable[[str], None]) -> None:
        self._runtime = runtime
        self._clock = clock
        self._period = period
        self._changed = changed
        self._before: dict[str, frozenset[tuple[str, str]]] = {}

    async def run(self) -> None:
        """Look for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            while True:
                try:
                    await self.relist()
                except RuntimeFailure as failure:
                    _log.warning("cannot list containers: %s", failure)
                await self._clock.sleep(self._period)

    async def relist(self) -> set[str]:
        """Look once; return the uids of all pods that the runtime holds anything of. Raises `RuntimeFailure`."""
        sandboxes, containers = await asyncio.gather(self._runtime.list_sandboxes(), self._runtime.list_containers())
        states: dict[str, set[tuple[str, str]]] = {}
        for sandbox in sandboxes:
            states.setdefault(sandbox.uid, set()).add((sandbox.id, "ready" if sandbox.ready else "notready"))
        for container in containers:
            states.setdefault(container.labels.get(UID_LABEL, ""), set()).add((container.id, container.state))
        now = {uid: frozenset(found) for uid, found in states.items() if uid}
        for uid in now.keys() | self._before.keys():
            if now.get(uid) != self._before.get(uid):
                self._changed(uid)
        self._before = now
        return set(now)

    async def _listen(self) -> None:
        """Pass the runtime's events on, if it has any."""
        while True:
            try:
                async for event in self._runtime.events():
                    if event.uid:
                        self._changed(event.uid)
            except RuntimeFailure as failure:
                if failure.code in _EVENTLESS:
                    return
            await self._clock.sleep(self._period)
