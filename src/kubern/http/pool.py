"""Connections that wait for their next request, so that not every request pays for a TLS handshake.

Used where the same few servers are asked again and again: webhooks. What always holds: a connection that is handed out is open and
silent as far as we know; none waits longer than `IDLE` seconds, no more than `EACH` towards one place and `MOST` together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import NamedTuple

from kubern.http.channel import Channel

IDLE = 90.0
"""Seconds; what upstream's client waits."""
EACH = 4
MOST = 32
"""A connection takes about 300 KB while it waits."""


class _Waiting(NamedTuple):
    channel: Channel
    timer: asyncio.TimerHandle
    gone: Callable[[asyncio.Future[None]], None]

    def stop(self) -> Channel:
        """Watch over it no longer."""
        self.timer.cancel()
        self.channel.gone.remove_done_callback(self.gone)
        return self.channel


class Pool:
    """Keeps connections by where they lead."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[_Waiting]] = {}
        self._closed = False

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def take(self, place: Hashable) -> Channel | None:
        """Return the connection that was used last, or None."""
        while waiting := self._waiting.get(place):
            channel = waiting.pop().stop()
            if not waiting:
                del self._waiting[place]
            if channel.silent:
                return channel
            channel.abort()
        return None

    def put(self, place: Hashable, channel: Channel) -> None:
        """Keep a connection whose last answer has been read whole; it is closed when there is no room."""
        if self._closed or not channel.silent or len(self) >= MOST or len(self._waiting.get(place, ())) >= EACH:
            channel.close()
            return

        def end(_: object = None) -> None:
            self._expire(place, channel)

        timer = asyncio.get_running_loop().call_later(IDLE, end)
        channel.gone.add_done_callback(end)
        self._waiting.setdefault(place, []).append(_Waiting(channel, timer, end))

    def _expire(self, place: Hashable, channel: Channel) -> None:
        waiting = self._waiting.pop(place, [])
        kept = [one for one in waiting if one.channel is not channel]
        for one in waiting:
            if one.channel is channel:
                one.stop().close()
        if kept:
            self._waiting[place] = kept

    def close(self) -> None:
        """Close every connection, and those that come back later."""
        self._closed = True
        for waiting in self._waiting.values():
            for one in waiting:
                one.stop().abort()
        self._waiting.clear()
