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
from kubern.base.errors import Expired, Gone, StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client

log = logging.getLogger(__name__)

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


def key_of(obj: Obj) -> Key:
    """Return an object's key in an informer's cache."""
    meta = obj["metadata"]
    return meta.get("namespace", ""), meta["name"]


Objects = list[Obj]


class Informer:
    """Follows one scope. `run` does the work; everything else is read at any time."""

    def __init__(self, client: Client, scope: Scope, clock: Clock, chance: random.Random) -> None:
        self.scope = scope
        self.synced = asyncio.Event()
        """Set once the first list is in the cache and its handlers have run."""
        self._client = client
        self._clock = clock
        self._chance = chance
        self._objects: dict[Key, Obj] = {}
        self._handlers: list[Handler] = []
        self._indexes: dict[str, tuple[IndexKeys, dict[str, dict[Key, Obj]]]] = {}

    # reading

    def get(self, namespace: str, name: str) -> Obj | None:
        """Return one object, or None."""
        return self._objects.get((namespace, name))

    def list(self, namespace: str = "") -> Objects:
        """Return all objects, or those of one namespace."""
        if not namespace:
            return [*self._objects.values()]
        return [obj for (held, _), obj in self._objects.items() if held == namespace]

    def __len__(self) -> int:
        return len(self._objects)

    def by_index(self, name: str, key: str) -> Objects:
        """Return the objects that index `name` has under `key`. Raises `KeyError` for an index that was never added."""
        return list(self._indexes[name][1].get(key, {}).values())

    # setting up

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

    # following

    async def run(self) -> None:
        """Follow the resource until cancelled."""
        backoff = Backoff(0.2, 30.0)
        version = ""
        while True:
            try:
                if not version:
                    version = await self._relist()
                version = await self._follow(version, backoff)
            except (Gone, Expired):
                version = ""
            except StatusError as error:
                log.warning("following %s: %s", self.scope.gvr.plural, error)
                wait = backoff.next(self.scope) * (0.5 + self._chance.random())
                await self._clock.sleep(max(wait, float(error.retry_after)))

    async def _relist(self) -> str:
        scope = self.scope
        # "0" lets the server answer from memory
        found = await self._client.list(
            scope.gvr,
            scope.namespace,
            label_selector=scope.label_selector,
            field_selector=scope.field_selector,
            resource_version="0",
        )
        fresh = {key_of(obj): obj for obj in found.items}
        for key in [key for key in self._objects if key not in fresh]:
            self._put(key, None)
        for key, obj in fresh.items():
            held = self._objects.get(key)
            if held is None or held["metadata"].get("resourceVersion") != obj["metadata"].get("resourceVersion"):
                self._put(key, obj)
        self.synced.set()
        return found.resource_version

    async def _follow(self, version: str, backoff: Backoff) -> str:
        """Take in changes until the watch ends; returns the revision to go on from."""
        scope = self.scope
        events = self._client.watch(
            scope.gvr,
            scope.namespace,
            resource_version=version,
            label_selector=scope.label_selector,
            field_selector=scope.field_selector,
        )
        async with contextlib.aclosing(events):
            async for event in events:
                backoff.reset(scope)
                version = event.object["metadata"].get("resourceVersion", version)
                if event.type != "BOOKMARK":
                    self._put(key_of(event.object), None if event.type == "DELETED" else event.object)
        return version

    def _put(self, key: Key, obj: Obj | None) -> None:
        before = self._objects.get(key)
        if obj is None:
            self._objects.pop(key, None)
        else:
            self._objects[key] = obj
        if before is None and obj is None:
            return
        for name in self._indexes:
            self._index(name, key, before, obj)
        for handler in self._handlers:
            handler(before, obj)

    def _index(self, name: str, key: Key, before: Obj | None, after: Obj | None) -> None:
        keys, found = self._indexes[name]
        for value in keys(before) if before is not None else ():
            held = found.get(value)
            if held is not None:
                held.pop(key, None)
                if not held:
                    del found[value]
        for value in keys(after) if after is not None else ():
            found.setdefault(value, {})[key] = after or {}


class Informers:
    """All informers of a process: one watch a scope, whoever asks for it."""

    def __init__(self, client: Client, clock: Clock, chance: random.Random | None = None) -> None:
        self._client = client
        self._clock = clock
        self._chance = chance or random.Random()
        self._informers: dict[Scope, Informer] = {}
        self._group: asyncio.TaskGroup | None = None

    def of(self, gvr: GVR, namespace: str = "", *, field_selector: str = "", label_selector: str = "") -> Informer:
        """Return the informer of a scope; one that is new is started at once if the others have been."""
        scope = Scope(gvr, namespace, field_selector, label_selector)
        informer = self._informers.get(scope)
        if informer is None:
            informer = self._informers[scope] = Informer(self._client, scope, self._clock, self._chance)
            if self._group is not None:
                self._group.create_task(informer.run(), name=f"informer {gvr.plural}")
        return informer

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run all informers, and those asked for later, as tasks of `group`."""
        self._group = group
        for scope, informer in self._informers.items():
            group.create_task(informer.run(), name=f"informer {scope.gvr.plural}")

    async def synced(self) -> None:
        """Return once every informer asked for so far has its first list."""
        for informer in list(self._informers.values()):
            await informer.synced.wait()
