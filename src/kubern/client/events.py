"""The event recorder: tells people what a component did, and never hurts the component.

An Event that says the same of the same object again raises the count of the first one, and `event_limits.py` says when it is enough.
What always holds: recording waits for nothing; what waits to be sent is small and bounded (one tuple an Event; the object's own texts are
shared), so that 10,000 pods at once lose none; one request at a time is under way, so that the component's own work has the
server; a server that is away is asked again, as client-go does, and what is lost meanwhile is counted, the oldest first.
Source: the API documentation of core/v1 Event.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict, deque
from datetime import datetime
from typing import NamedTuple

from kubern.base.clock import Clock, rfc3339
from kubern.base.errors import NotFound, ServiceUnavailable, StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.client.event_counts import LIMITED, LOST, REFUSED, SENT, EventCounts
from kubern.client.event_limits import COMBINED, EventLimits, Key

log = logging.getLogger(__name__)

EVENTS = GVR("", "v1", "events")
MAX_WAITING = 20_000
MAX_REMEMBERED = 4096
MAX_MESSAGE = 1024
TRIES, BETWEEN_TRIES = 12, 10.0
"""How often, and after how many seconds, a server that cannot be reached is asked: client-go's figures."""
NORMAL, WARNING = "Normal", "Warning"


class _News(NamedTuple):
    about: Key
    """apiVersion, kind, namespace, name and uid of the object."""
    revision: str
    field_path: str
    type: str
    reason: str
    message: str
    combined: bool
    at: datetime


class _Sent(NamedTuple):
    name: str
    times: int


class EventRecorder:
    """Records Events as `component` (on `host`, for node agents). `run` sends them; `counts` tells what became of them."""

    def __init__(
        self, client: Client, component: str, clock: Clock, host: str = "", counts: EventCounts | None = None
    ) -> None:
        self._client = client
        self._component = component
        self._clock = clock
        self._host = host
        self._waiting: deque[_News] = deque()
        self._sent: OrderedDict[Key, _Sent] = OrderedDict()
        self._limits = EventLimits()
        self._changed = asyncio.Event()
        self.counts = EventCounts() if counts is None else counts

    def event(self, regarding: Obj, kind: str, reason: str, message: str, *, field_path: str = "") -> None:
        """Record that something happened to `regarding` (an object with apiVersion, kind, metadata). `kind`: Normal or Warning."""
        meta = regarding["metadata"]
        about = (
            regarding.get("apiVersion", ""),
            regarding.get("kind", ""),
            meta.get("namespace", ""),
            meta["name"],
            meta.get("uid", ""),
        )
        now = self._clock.monotonic()
        combined = self._limits.combined((*about, kind, reason), message, now)
        if not self._limits.allows(about, now):
            self.counts.count(self._component, LIMITED)
            return
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self.counts.count(self._component, LOST)
        text = message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 3] + "..."
        revision = meta.get("resourceVersion", "")
        self._waiting.append(_News(about, revision, field_path, kind, reason, text, combined, self._clock.now()))
        self._changed.set()

    async def run(self) -> None:
        """Send what is recorded until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._flush(TRIES)

    async def flush(self) -> None:
        """Send what is recorded by now, each once."""
        await self._flush(1)

    async def _flush(self, tries: int) -> None:
        while self._waiting:
            self.counts.count(self._component, await self._outcome(self._waiting.popleft(), tries))

    async def _outcome(self, news: _News, tries: int) -> str:
        """Send one Event and return what became of it."""
        for left in range(tries - 1, -1, -1):
            try:
                await self._send(news)
            except ServiceUnavailable as error:
                log.debug("event %s of %s: %s", news.reason, news.about[3], error)
                if left:
                    await self._clock.sleep(BETWEEN_TRIES)
            except StatusError as error:
                # the namespace is going: news is not worth stopping for
                log.debug("event %s of %s: %s", news.reason, news.about[3], error)
                return REFUSED
            else:
                return SENT
        return LOST

    async def _send(self, news: _News) -> None:
        said = COMBINED if news.combined else news.message
        same = (*news.about, news.field_path, news.type, news.reason, said)
        sent = self._sent.get(same)
        if sent is not None:
            patch = {"count": sent.times + 1, "lastTimestamp": rfc3339(news.at), "message": _text(news)}
            try:
                await self._client.patch(EVENTS, sent.name, patch, news.about[2] or "default")
            except NotFound:
                sent = None
        if sent is None:
            # as upstream names them: the object's name and a number that is different for each
            digest = hashlib.sha256("\0".join((*same, rfc3339(news.at))).encode()).hexdigest()[:16]
            sent = _Sent(f"{news.about[3][:230]}.{digest}", 0)
            await self._client.create(EVENTS, self._event(news, sent.name))
        self._sent[same] = _Sent(sent.name, sent.times + 1)
        self._sent.move_to_end(same)
        if len(self._sent) > MAX_REMEMBERED:
            self._sent.popitem(last=False)

    def _event(self, news: _News, name: str) -> Obj:
        fields = ("apiVersion", "kind", "namespace", "name", "uid")
        reference = dict(zip(fields, news.about, strict=True))
        reference |= {"resourceVersion": news.revision, "fieldPath": news.field_path}
        at = rfc3339(news.at)
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": news.about[2] or "default", "name": name},
            "involvedObject": {field: value for field, value in reference.items() if value},
            "type": news.type,
            "reason": news.reason,
            "message": _text(news),
            "source": {"component": self._component} | ({"host": self._host} if self._host else {}),
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }


def _text(news: _News) -> str:
    return COMBINED + news.message if news.combined else news.message
