"""Writing pods' statuses to the API: the newest of each, one write at a time, and only what differs from what is there."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from kubern.base.backoff import Backoff
from kubern.base.clock import Clock
from kubern.base.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import Client
from kubern.kubelet.conditions import OWN
from kubern.kubelet.objects import PODS
from kubern.kubelet.podspec import key

_log = logging.getLogger(__name__)
_STRATEGIC = "application/strategic-merge-patch+json"
_FINAL = (NotFound, Conflict, Invalid, BadRequest, Forbidden)
"""Errors that trying again does not mend: the pod is gone, another has its name, or the status is refused."""


class Publisher:
    """Writes one pod's status."""

    def __init__(self, client: Client, clock: Clock, pod: Obj) -> None:
        self._client = client
        self._clock = clock
        self._pod = pod
        self._written: Obj = pod.get("status") or {}
        self._wanted: Obj | None = None
        self._writer: asyncio.Task[None] | None = None

    def publish(self, status: Obj) -> None:
        """Have `status` written; returns at once. A newer one replaces one that still waits."""
        if same(status, self._wanted if self._wanted is not None else self._written):
            return
        self._wanted = status
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def flush(self) -> None:
        """Return when the last status has been written or refused for good."""
        if self._writer is not None:
            await asyncio.shield(self._writer)

    def stop(self) -> None:
        """Write no more."""
        if self._writer is not None:
            self._writer.cancel()

    async def _write(self) -> None:
        failures = Backoff(0.2, 10.0)
        meta = self._pod["metadata"]
        while (status := self._wanted) is not None:
            body = {"metadata": {"uid": meta["uid"]}, "status": patch(self._written, status)}
            try:
                await self._client.patch(
                    PODS, meta["name"], body, meta["namespace"], subresource="status", content_type=_STRATEGIC
                )
            except _FINAL as error:
                if not isinstance(error, NotFound):
                    _log.warning("status refused: %s", error, extra={"pod": key(self._pod)})
            except StatusError as error:
                _log.warning("status not written yet: %s", error, extra={"pod": key(self._pod)})
                await self._clock.sleep(failures.next("write"))
                continue
            self._written = status
            if self._wanted is status:
                self._wanted = None


def patch(old: Obj, new: Obj) -> Obj:
    """Return the strategic merge patch from one status to another: other writers' conditions stay theirs."""
    body: dict[str, Any] = {name: None for name in ("reason", "message") if old.get(name) and not new.get(name)}
    for name, value in new.items():
        if name == "conditions":
            body[name] = [each for each in value if each["type"] in OWN]
        elif name in ("podIPs", "hostIPs") and old.get(name) and old[name] != value:
            # this list is merged by ip: without the directive the old address would stay
            body[name] = [{"$patch": "replace"}, *value]
        elif old.get(name) != value:
            body[name] = value
    return body


def same(one: Any, other: Any) -> bool:
    """Whether two statuses say the same; what is null, empty or absent is all one."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(same(one.get(name), other.get(name)) for name in one.keys() | other.keys())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other or (one in (None, {}, [], "") and other in (None, {}, [], "")))
