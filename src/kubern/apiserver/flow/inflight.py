"""The plain limits on requests in flight, for a server with --enable-priority-and-fairness=false. Called by `edge.Edge`."""

from __future__ import annotations

import asyncio

from kubern.apiserver.identity import MASTERS, User
from kubern.apiserver.request_info import RequestInfo
from kubern.base.errors import TooManyRequests

_READING = frozenset(("get", "list", "watch", "head", "options"))


def is_mutating(info: RequestInfo) -> bool:
    """Whether a request is one of those that --max-mutating-requests-inflight counts."""
    return info.verb not in _READING


class Inflight:
    """Counts requests of two kinds; one above the limit is refused. 0 is no limit."""

    def __init__(self, reading: int, mutating: int) -> None:
        self._limits = {False: reading, True: mutating}
        self.running = {False: 0, True: 0}
        self._spent = {False: 0, True: 0}

    def enter(self, user: User, info: RequestInfo) -> None:
        """Count a request in. Raises `TooManyRequests`; members of system:masters always pass."""
        kind = is_mutating(info)
        if 0 < self._limits[kind] <= self.running[kind] and MASTERS not in user.groups:
            raise TooManyRequests("Too many requests, please try again later.", retry_after=1)
        self.running[kind] += 1

    def leave(self, info: RequestInfo) -> None:
        """Count a request out."""
        self.running[is_mutating(info)] -= 1

    def leave_soon(self, info: RequestInfo) -> None:
        """Count a request that was answered synchronously out at the loop's next turn."""
        kind = is_mutating(info)
        if not any(self._spent.values()):
            asyncio.get_running_loop().call_soon(self._tick)
        self._spent[kind] += 1

    def _tick(self) -> None:
        for kind, count in self._spent.items():
            self.running[kind] -= count
        self._spent = {False: 0, True: 0}
