"""The event recorder: tells people what a component did, and never hurts the component.

An Event that says the same of the same object again raises the count of the first one, and `event_limits.py` says when it is enough. The
queue is bounded: when the API is away, the oldest news is lost. Source: the API documentation of core/v1 Event.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict, deque
from typing import NamedTuple

from kubern.base.clock import Clock, rfc3339
from kubern.base.errors import NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.client.event_limits import COMBINED, EventLimits, about

log = logging.getLogger(__name__)

EVENTS = GVR("", "v1", "events")
MAX_WAITING = 1000
MAX_REMEMBERED = 4096
MAX_MESSAGE = 1024
NORMAL, WARNING = "Normal", "Warning"


class _Sent(NamedTuple):
    name: str
    times: int


class EventRecorder:
    """Records Events as `component` (on `host`, for node agents). `run` sends them."""

    def __init__(self, client: Client, component: str, clock: Clock, host: str = "") -> None:
        self._client = client
        self._component = component
        self._clock = clock
        self._host = host
        self._waiting: deque[Obj] = deque(maxlen=MAX_WAITING)
        self._sent: OrderedDict[tuple[str, ...], _Sent] = OrderedDict()
        self._limits = EventLimits()
        self._changed = asyncio.Event()

    def event(self, regarding: Obj, kind: str, reason: str, message: str, *, field_path: str = "") -> None:
        """Record that something happened to `regarding` (an object with apiVersion, kind, metadata). `kind`: Normal or Warning."""
        meta = regarding["metadata"]
        reference = {
            "apiVersion": regarding.get("apiVersion", ""),
            "kind": regarding.get("kind", ""),
            "name": meta["name"],
            "namespace": meta.get("namespace", ""),
            "uid": meta.get("uid", ""),
            "resourceVersion": meta.get("resourceVersion", ""),
            "fieldPath": field_path,
        }
        now = rfc3339(self._clock.now())
        self._waiting.append(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"namespace": meta.get("namespace") or "default"},
                "involvedObject": {name: value for name, value in reference.items() if value},
                "type": kind,
                "reason": reason,
                "message": message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 3] + "...",
                "source": {"component": self._component} | ({"host": self._host} if self._host else {}),
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
                "reportingComponent": self._component,
                "reportingInstance": self._host,
            }
        )
        self._changed.set()

    async def run(self) -> None:
        """Send what is recorded until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send what is recorded by now."""
        while self._waiting:
            event = self._waiting.popleft()
            try:
                await self._send(event)
            except StatusError as error:
                # the namespace is going, the server is away: news is not worth stopping for
                log.debug("event %s of %s: %s", event["reason"], event["involvedObject"].get("name"), error)

    async def _send(self, event: Obj) -> None:
        now = self._clock.monotonic()
        said = event["message"]
        if self._limits.combined(event, now):
            event["message"], said = COMBINED + said, COMBINED
        if not self._limits.allows(event, now):
            return
        same = (*about(event), event["type"], event["reason"], said)
        sent = self._sent.get(same)
        if sent is not None:
            patch = {
                "count": sent.times + 1, "lastTimestamp": event["lastTimestamp"], "message": event["message"]
            }  # fmt: skip
            try:
                await self._client.patch(EVENTS, sent.name, patch, event["metadata"]["namespace"])
            except NotFound:
                sent = None
        if sent is None:
            # as upstream names them: the object's name and a number that is different for each
            digest = hashlib.sha256("\0".join((*same, event["lastTimestamp"])).encode()).hexdigest()[:16]
            sent = _Sent(f"{event['involvedObject']['name'][:230]}.{digest}", 0)
            event["metadata"]["name"] = sent.name
            await self._client.create(EVENTS, event)
        self._sent[same] = _Sent(sent.name, sent.times + 1)
        self._sent.move_to_end(same)
        if len(self._sent) > MAX_REMEMBERED:
            self._sent.popitem(last=False)
