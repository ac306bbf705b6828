"""Carries a plan's actions out: in order, runs of creations and deletions side by side, with their Events and expectations."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, assert_never

from kubern.base.clock import Clock
from kubern.base.errors import AlreadyExists, Conflict, NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.client.events import NORMAL, WARNING, EventRecorder
from kubern.client.informer import Key
from kubern.controllers.actions import Action, Create, Delete, DeleteAll, Event, Patch, Told, Update
from kubern.controllers.expectations import Expectations

AT_ONCE = 32
"""Writes side by side: enough for the store to commit them together, few enough for the connections that they take."""


class Executor:
    """Carries out the actions of one controller."""

    def __init__(self, client: Client, clock: Clock, recorder: EventRecorder, expectations: Expectations) -> None:
        self._client = client
        self._clock = clock
        self._recorder = recorder
        self._expectations = expectations

    async def carry_out(self, key: Key, actions: Sequence[Action], base: Base) -> None:
        """Carry out all actions; the first `StatusError` ends it, after those side by side with it have ended. `base` takes note of
        writes to the observed object itself."""
        for run in _runs(actions):
            for batch in _slow_start(run):
                results = await asyncio.gather(
                    *(self._one(key, action, base) for action in batch), return_exceptions=True
                )
                for error in results:
                    if error is not None:
                        raise error

    async def _one(self, key: Key, action: Action, base: Base) -> None:
        if isinstance(action, Event):
            self._recorder.event(action.regarding, action.type, action.reason, action.message)
            return
        told = None if isinstance(action, DeleteAll) else action.told
        try:
            name = await self._write(key, action, base)
        except StatusError as error:
            if told is not None and told.failed_reason and not _ending(error):
                self._tell(told, WARNING, told.failed_reason, told.failed.format(error=error.message))
            raise
        if told is not None and told.done_reason and name:
            self._tell(told, NORMAL, told.done_reason, told.done.format(name=name))

    def _tell(self, told: Told, kind: str, reason: str, message: str) -> None:
        self._recorder.event(told.regarding, kind, reason, message)

    async def _write(self, key: Key, action: Create | Delete | DeleteAll | Patch | Update, base: Base) -> str:
        """Carry out one write; returns the written object's name, empty when there was nothing to write."""
        now = self._clock.monotonic()
        match action:
            case Create():
                answer = await self._create(action)
                if answer is None:
                    return ""
                if not action.subresource:
                    self._expectations.wrote(key, action.gvr, answer, now)
                return str((answer.get("metadata") or {}).get("name", ""))
            case Delete():
                return await self._delete(key, action, now)
            case DeleteAll():
                await self._client.delete_collection(action.gvr, action.namespace)
                return ""
            case Patch():
                return await self._patch(key, action, base, now)
            case Update():
                answer = await self._client.update(
                    action.gvr, base.newest(action.gvr, action.obj), subresource=action.subresource
                )
                if action.subresource != "scale":  # the answer is not the object that informers will hold
                    base.written(action.gvr, answer)
                    self._expectations.wrote(key, action.gvr, answer, now)
                return str(answer["metadata"]["name"])
        assert_never(action)

    async def _create(self, action: Create) -> Obj | None:
        try:
            return await self._client.create(
                action.gvr, action.obj, action.namespace, name=action.name, subresource=action.subresource
            )
        except AlreadyExists:
            if action.exists_ok:
                return None
            raise
        except NotFound:
            if action.missing_ok:
                return None
            raise

    async def _delete(self, key: Key, action: Delete, now: float) -> str:
        try:
            await self._client.delete(
                action.gvr, action.name, action.namespace, uid=action.uid, grace_period=action.grace_period,
                propagation=action.propagation, resource_version=action.resource_version,
            )  # fmt: skip
        except NotFound:
            return ""
        except Conflict:
            if action.resource_version:
                raise
            return ""  # another object has the name by now
        self._expectations.deleted(key, action.gvr, action.namespace, action.name, action.uid, now)
        return action.name

    async def _patch(self, key: Key, action: Patch, base: Base, now: float) -> str:
        try:
            answer = await self._client.patch(
                action.gvr, action.name, action.patch, action.namespace,
                subresource=action.subresource, content_type=action.content_type,
            )  # fmt: skip
        except NotFound:
            return ""
        if "metadata" in answer and action.subresource in ("", "status"):
            base.written(action.gvr, answer)
            self._expectations.wrote(key, action.gvr, answer, now)
        return action.name


class Base:
    """What one plan has written so far: the observed object in its newest known state, which the status is written onto, and the
    versions of all others."""

    def __init__(self, gvr: GVR, obj: Obj | None) -> None:
        self._gvr = gvr
        self.obj = obj
        self._versions: dict[str, str] = {}

    def newest(self, gvr: GVR, obj: Obj) -> Obj:
        """Return an object to write, with the version that the plan itself has made of it."""
        version = self._versions.get(obj["metadata"].get("uid", ""))
        return {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}} if version else obj

    def written(self, gvr: GVR, answer: Obj) -> None:
        """An action wrote `answer`: take it over if it is this object."""
        meta = answer["metadata"]
        if meta.get("uid") and meta.get("resourceVersion"):
            self._versions[meta["uid"]] = meta["resourceVersion"]
        if self.obj is None or gvr != self._gvr:
            return
        if answer["metadata"].get("uid") == self.obj["metadata"].get("uid"):
            self.obj = answer


def _ending(error: StatusError) -> bool:
    return any(cause.reason == "NamespaceTerminating" for cause in error.causes)


class _Kind(NamedTuple):
    kind: type[Action]
    gvr: GVR | None


def _runs(actions: Sequence[Action]) -> Iterator[list[Action]]:
    """Split into runs that may go side by side: neighbouring creations of one resource, or deletions."""
    for kind, group in groupby(actions, lambda a: _Kind(type(a), None if isinstance(a, Event) else a.gvr)):
        run = list(group)
        if kind.kind in (Create, Delete) and len(run) > 1:
            yield run
        else:
            for action in run:
                yield [action]


def _slow_start(run: list[Action]) -> Iterator[list[Action]]:
    """Split into batches of 1, 2, 4, …: when each is refused (a quota), few are tried in vain."""
    begin, size = 0, 1 if isinstance(run[0], Create) else AT_ONCE
    while begin < len(run):
        yield run[begin : begin + size]
        begin, size = begin + size, min(size * 2, AT_ONCE)
