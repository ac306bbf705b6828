"""Sends audit events to a webhook: collected into batches, posted one batch after the other, tried again when that fails.

Made by `auditing`. What always holds: whoever writes an event waits for nothing; no more than `buffer` events are kept, and those that
find no room, or that the webhook does not take at last, are counted and logged as lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any, NamedTuple

import orjson

from kubern.apiserver.audit.webhook_config import Receiver
from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.http.client import fetch
from kubern.http.dial import dial_directly, open_channel

TRIES, FACTOR = 5, 1.5
ANSWER_WITHIN = 30.0
"""Seconds that one post may take."""
_AGAIN = frozenset((429, 500, 502, 503, 504))
_log = logging.getLogger(__name__)


class Batching(NamedTuple):
    """The --audit-webhook-batch-* flags."""

    buffer: int = 10000
    """Events that wait at most."""
    size: int = 400
    """Events of a batch at most."""
    wait: float = 30.0
    """Seconds after which a batch that is not full is sent."""
    backoff: float = 10.0
    """Seconds before the first retry."""


class NotTaken(Exception):
    """The webhook has not taken a batch; `again` says whether it may take it later."""

    def __init__(self, text: str, again: bool) -> None:
        super().__init__(text)
        self.again = again


class AuditWebhook:
    """A webhook's queue; to be `run`."""

    def __init__(self, receiver: Receiver, batching: Batching, clock: Clock) -> None:
        """Raises `ValueError` for a batching that cannot work."""
        if batching.size < 1 or batching.buffer < batching.size or batching.wait <= 0 or batching.backoff <= 0:
            raise ValueError(
                "--audit-webhook-batch-*: sizes and times must be positive, and a batch must fit into the buffer"
            )
        self._receiver, self._batching, self._clock = receiver, batching, clock
        self._waiting: deque[Obj] = deque()
        self._some, self._full = asyncio.Event(), asyncio.Event()
        self.lost = 0

    def write(self, event: Obj) -> None:
        """Put an event into the queue."""
        if len(self._waiting) >= self._batching.buffer:
            self._lose(1, "audit buffer queue blocked")
            return
        self._waiting.append(event)
        self._some.set()
        if len(self._waiting) >= self._batching.size:
            self._full.set()

    async def run(self) -> None:
        """Send batches until cancelled."""
        while True:
            await self._some.wait()
            if not self._full.is_set():
                await _first(self._full.wait(), self._clock.sleep(self._batching.wait))
            batch = self._take()
            try:
                await self._deliver(batch)
            except asyncio.CancelledError:
                self._waiting.extendleft(reversed(batch))  # `flush` is still to come
                raise

    async def flush(self) -> None:
        """Send what waits, each batch once; before the server ends."""
        while self._waiting:
            batch = self._take()
            try:
                await self._post(batch)
            except NotTaken as error:
                self._lose(len(batch), str(error))

    def _take(self) -> list[Obj]:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batching.size))]
        if not self._waiting:
            self._some.clear()
        if len(self._waiting) < self._batching.size:
            self._full.clear()
        return batch

    async def _deliver(self, batch: list[Obj]) -> None:
        pause = self._batching.backoff
        for left in range(TRIES - 1, -1, -1):
            try:
                await self._post(batch)
                return
            except NotTaken as error:
                if not error.again or not left:
                    self._lose(len(batch), str(error))
                    return
            await self._clock.sleep(pause)
            pause *= FACTOR

    async def _post(self, batch: list[Obj]) -> None:
        """Send a batch once. Raises `NotTaken`."""
        body = orjson.dumps({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": batch})
        receiver = self._receiver
        headers = [
            ("Host", receiver.authority),
            ("Content-Type", "application/json"),
            ("Accept", "application/json, */*"),
        ]
        try:
            token = receiver.token()
            if token:
                headers.append(("Authorization", f"Bearer {token}"))
            async with asyncio.timeout(ANSWER_WITHIN):
                channel = await open_channel(
                    dial_directly, receiver.host, receiver.port, receiver.tls, receiver.server_name
                )
                answer = await fetch(channel, "POST", receiver.path, headers, body)
                try:
                    text = await answer.text(1024)
                finally:
                    answer.close()
        except (OSError, ValueError) as error:
            raise NotTaken(str(error) or type(error).__name__, True) from error
        status = answer.head.status
        if not 200 <= status < 300:
            raise NotTaken(f"the webhook answered {status}: {text[:200]}", status in _AGAIN)

    def _lose(self, count: int, why: str) -> None:
        self.lost += count
        _log.error("audit events were lost", extra={"events": count, "error": why})


async def _first(*ways: Coroutine[Any, Any, object]) -> None:
    """Return as soon as one of the ways is done."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
