"""A local copy of one resource that follows the API, and those who want to know of its changes.

List once, watch from there, resume where a watch ended, list again when that is too old. The cached dicts are everybody's: nobody changes
them. Handlers run one after the other in the order of the changes and must not block.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterable
from typing import NamedTuple

from kubern.base.backoff import Backoff
from kubern.base.clock import Clock
from kubern.base.errors import Expired, Gone, NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client

log = logging.getLogger(__name__)

SHORT_WATCH = 1.0
"""Seconds: a watch that ended sooner without a word counts as a failure, so that it is not begun again at once for ever."""

Key = tuple[str, str]
"""(namespace, name); the namespace is empty for cluster-scoped resources."""

Handler = Callable[[Obj | None, Obj | None], None]
"""Called with (before, after): added is (None, new), changed (old, new), deleted (old, None)."""

IndexKeys = Callable[[Obj], Iterable[str]]
"""Under which keys an object is found in an index."""


class Scope(NamedTuple):
    """What part of a resource is followed."""

    gvr: GVR
    namespace: str = ""
    field_selector: str = ""
    label_selector: str = ""
    metadata_only: bool = False
    """Follow apiVersion, kind and metadata alone: a fraction of the memory."""


def key_of(obj: Obj) -> Key:
    """Return an object's key in an informer's cache."""
    meta = obj["metadata"]
    return meta.get("namespace", ""), meta["name"]


Objects = list[Obj]


class Informer:
    """One scope's objects, kept up to date by a `Reflector`, with indexes and handlers. Everything is read at any time."""

    def __init__(self) -> None:
        self.synced = asyncio.Event()
        """Set once the first list is in the cache and its handlers have run."""
        self.version = 0
        """The newest resource version seen, 0 while none was (or while they are no numbers)."""
        self._objects: dict[Key, Obj] = {}
        self._handlers: list[Handler] = []
        self._indexes: dict[str, tuple[IndexKeys, dict[str, dict[Key, Obj]]]] = {}

    def get(self, namespace: str, name: str) -> Obj | None:
        """Return one object, or None."""
        return self._objects.get((namespace, name))

    def list(self, namespace: str = "") -> Objects:
        """Return all objects, or those of one namespace."""
        if not namespace:
            return [*self._objects.values()]
        self.add_index(_NAMESPACE, _namespace)
        return self.by_index(_NAMESPACE, namespace)

    def __len__(self) -> int:
        return len(self._objects)

    def known(self) -> Iterable[Key]:
        """Return the keys of all objects."""
        return [*self._objects]

    def by_index(self, name: str, key: str) -> Objects:
        """Return the objects that index `name` has under `key`. Raises `KeyError` for an index that was never added."""
        return [*self._indexes[name][1].get(key, {}).values()]

    def on_change(self, handler: Handler) -> None:
        """Call `handler` for every change from now on, and at once for everything that is here already."""
        self._handlers.append(handler)
        for obj in list(self._objects.values()):
            handler(None, obj)

    def add_index(self, name: str, keys: IndexKeys) -> None:
        """Keep an index; adding the same name again is no error."""
        if name in self._indexes:
            return
        self._indexes[name] = (keys, {})
        for key, obj in self._objects.items():
            self._index(name, key, None, obj)

    def saw(self, resource_version: str) -> None:
        """Take note that everything up to this resource version is known."""
        if resource_version.isdigit():
            self.version = int(resource_version)

    def put(self, key: Key, obj: Obj | None) -> None:
        """Take in an object's newest state, None once it is gone, and tell the handlers."""
        before = self._objects.get(key)
        if before is None and obj is None:
            return
        if before is not None and obj is not None and before["metadata"].get("uid") != obj["metadata"].get("uid"):
            # deleted and made again between two lists: handlers must not take it for a change of the same object
            self.put(key, None)
            before = None
        if obj is None:
            self._objects.pop(key, None)
        else:
            self._objects[key] = obj
        for name in self._indexes:
            self._index(name, key, before, obj)
        for handler in self._handlers:
            try:
                handler(before, obj)
            except Exception:
                # one listener's mistake must not keep the others, and the copy itself, from following
                log.exception("a handler failed", extra={"namespace": key[0], "object": key[1]})

    def _index(self, name: str, key: Key, before: Obj | None, after: Obj | None) -> None:
        keys, found = self._indexes[name]
        for value in keys(before) if before is not None else ():
            held = found.get(value)
            if held is not None:
                held.pop(key, None)
                if not held:
                    del found[value]
        if after is not None:
            for value in keys(after):
                found.setdefault(value, {})[key] = after


_NAMESPACE = "namespace"


def _namespace(obj: Obj) -> Iterable[str]:
    return (obj["metadata"].get("namespace", ""),)


class Reflector:
    """Keeps an `Informer` up to date: lists, watches, resumes, lists again."""

    def __init__(self, client: Client, scope: Scope, informer: Informer, clock: Clock, chance: random.Random) -> None:
        self._client = client
        self._scope = scope
        self._informer = informer
        self._clock = clock
        self._chance = chance
        self._backoff = Backoff(0.2, 30.0)

    async def run(self) -> None:
        """Follow the resource until cancelled."""
        version = ""
        list_from = "0"
        while True:
            try:
                if not version:
                    version = await self._relist(list_from)
                version = await self._follow(version)
            except (Gone, Expired):
                # the server's memory may be as old as ours: ask for what is certainly the newest
                version = list_from = ""
            except NotFound as error:
                # a server of another version may not have this resource: then there are no such objects
                if not self._informer.synced.is_set():
                    log.warning("%s are not served, taken for none: %s", self._scope.gvr.plural, error)
                    self._informer.synced.set()
                await self._pause(float(error.retry_after))
            except StatusError as error:
                log.warning("following %s: %s", self._scope.gvr.plural, error)
                await self._pause(float(error.retry_after))
            except (ValueError, KeyError, TypeError):
                log.exception("following %s: an answer that is none", self._scope.gvr.plural)
                version = list_from = ""
                await self._pause(0.0)

    async def _pause(self, least: float) -> None:
        wait = self._backoff.next(self._scope) * (0.5 + self._chance.random())
        await self._clock.sleep(max(wait, least))

    async def _relist(self, version: str) -> str:
        scope, informer = self._scope, self._informer
        found = await self._client.list(
            scope.gvr,
            scope.namespace,
            label_selector=scope.label_selector,
            field_selector=scope.field_selector,
            resource_version=version,
            metadata_only=scope.metadata_only,
        )
        fresh = {key_of(obj): obj for obj in found.items}
        informer.saw(found.resource_version)
        for key in informer.known():
            if key not in fresh:
                informer.put(key, None)
        for key, obj in fresh.items():
            held = informer.get(*key)
            if held is None or held["metadata"].get("resourceVersion") != obj["metadata"].get("resourceVersion"):
                informer.put(key, obj)
        informer.synced.set()
        return found.resource_version

    async def _follow(self, version: str) -> str:
        """Take in changes until the watch ends; returns the revision to go on from."""
        scope, informer = self._scope, self._informer
        began, received = self._clock.monotonic(), False
        events = self._client.watch(
            scope.gvr,
            scope.namespace,
            resource_version=version,
            label_selector=scope.label_selector,
            field_selector=scope.field_selector,
            metadata_only=scope.metadata_only,
        )
        async with contextlib.aclosing(events):
            async for event in events:
                if not received:
                    self._backoff.reset(scope)
                    received = True
                version = event.object["metadata"].get("resourceVersion", version)
                informer.saw(version)
                if event.type != "BOOKMARK":
                    informer.put(key_of(event.object), None if event.type == "DELETED" else event.object)
        if not received and self._clock.monotonic() - began < SHORT_WATCH:
            await self._pause(0.0)
        return version


class Informers:
    """All informers of a process: one watch a scope, whoever asks for it."""

    def __init__(self, client: Client, clock: Clock, chance: random.Random | None = None) -> None:
        self._client = client
        self._clock = clock
        self._chance = chance or random.Random()
        self._informers: dict[Scope, Informer] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[Scope, asyncio.Task[None]] = {}

    def of(
        self, gvr: GVR, namespace: str = "", *, field_selector: str = "", label_selector: str = "",
        metadata_only: bool = False,
    ) -> Informer:  # fmt: skip
        """Return the informer of a scope; one that is new is started at once if the others have been.

        Metadata alone is answered from a whole informer of the same scope where there is one.
        """
        scope = Scope(gvr, namespace, field_selector, label_selector, metadata_only)
        informer = self._informers.get(scope) or self._informers.get(scope._replace(metadata_only=False))
        if informer is None:
            informer = self._informers[scope] = Informer()
            if self._group is not None:
                self._start(scope, informer)
        return informer

    def drop(self, gvr: GVR) -> None:
        """Stop following a resource that is no longer served, and forget its objects as if they were deleted."""
        for scope in [scope for scope in self._informers if scope.gvr == gvr]:
            informer = self._informers.pop(scope)
            task = self._tasks.pop(scope, None)
            if task is not None:
                task.cancel()
            for key in informer.known():
                informer.put(key, None)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run all informers, and those asked for later, as tasks of `group`."""
        self._group = group
        for scope, informer in self._informers.items():
            self._start(scope, informer)

    async def synced(self) -> None:
        """Return once every informer asked for so far has its first list."""
        for informer in list(self._informers.values()):
            await informer.synced.wait()

    def _start(self, scope: Scope, informer: Informer) -> None:
        if self._group is None:
            return
        reflector = Reflector(self._client, scope, informer, self._clock, self._chance)
        self._tasks[scope] = self._group.create_task(reflector.run(), name=f"informer {scope.gvr.plural}")
