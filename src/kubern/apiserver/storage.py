"""Objects over the store: keys, optimistic concurrency and read-your-writes for one stored resource.

Called by the verbs and the subresources, which hand in complete objects; knows nothing of admission, defaults or users. What
always holds: when a write returns, the watch cache shows it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from kubern.api.resource import Resource
from kubern.apiserver.cache import ResourceCache
from kubern.apiserver.encoding import Entry, Layout
from kubern.apiserver.feed import Feed
from kubern.apiserver.watching import Broadcaster
from kubern.base.errors import AlreadyExists, Conflict, InternalError, NotFound, UnknownError
from kubern.base.json import Obj
from kubern.store.contract import KeyValue, Store, StoreFull, StoreUnavailable

_log = logging.getLogger(__name__)

Change = Callable[[Obj], Awaitable[Obj]]
"""Takes the stored object (its own copy) and returns the one to store; raises to leave everything as it is."""

CONFLICT = "the object has been modified; please apply your changes to the latest version and try again"


def not_found(resource: Resource, name: str) -> NotFound:
    """Return the error for an object that does not exist."""
    return NotFound(
        f'{resource.group_resource} "{name}" not found', kind=resource.plural, group=resource.group, name=name
    )


def already_exists(resource: Resource, name: str) -> AlreadyExists:
    """Return the error for a name that is taken."""
    message = f'{resource.group_resource} "{name}" already exists'
    return AlreadyExists(message, kind=resource.plural, group=resource.group, name=name)


def conflict(resource: Resource, name: str, why: str = CONFLICT) -> Conflict:
    """Return the error for a write that lost against another one."""
    message = f'Operation cannot be fulfilled on {resource.group_resource} "{name}": {why}'
    return Conflict(message, kind=resource.plural, group=resource.group, name=name)


class Storage:
    """One stored resource: its cache, its watchers and its writes; whoever makes it lets the feed know of the two."""

    def __init__(self, resource: Resource, store: Store, feed: Feed, layout: Layout | None = None) -> None:
        self.resource = resource
        self.prefix = resource.storage_prefix or resource.plural
        layout = layout or Layout(resource.kind, resource.api_version, resource.namespaced, resource.fields)
        self.cache = ResourceCache(layout, self.prefix)
        self.broadcaster = Broadcaster()
        self._store = store
        self._feed = feed

    def key(self, namespace: str, name: str) -> str:
        """Return an object's key below the storage prefix."""
        return f"{namespace}/{name}" if self.resource.namespaced else name

    def store_key(self, key: str) -> bytes:
        """Return the key in the store."""
        return f"/registry/{self.prefix}/{key}".encode()

    def get(self, namespace: str, name: str) -> Entry:
        """Return an object from the cache. Raises `NotFound`."""
        entry = self.cache.entries.get(self.key(namespace, name))
        if entry is None:
            raise not_found(self.resource, name)
        return entry

    def find(self, namespace: str, name: str) -> Entry | None:
        """Return an object from the cache, or None."""
        return self.cache.entries.get(self.key(namespace, name))

    async def create(self, namespace: str, name: str, obj: Obj, *, lease: int = 0) -> Entry:
        """Store a new object. Raises `AlreadyExists`."""
        key = self.key(namespace, name)
        value = self.cache.layout.encode(obj)
        result = await self._txn(key, value, expected=0, lease=lease)
        if isinstance(result, int):
            await self._feed.wait(result)
            return self.cache.layout.entry(key, value, result, lease)
        raise already_exists(self.resource, name)

    async def update(self, namespace: str, name: str, change: Change) -> Entry:
        """Replace an object by what `change` makes of it, again on the newer object when another write came between.

        A change that changes nothing writes nothing. Raises `NotFound` and whatever `change` raises.
        """
        entry = self.get(namespace, name)
        while True:
            old = entry.obj()
            new = await change(old)
            if _same(new, old) and not entry.stale:
                return entry
            value = self.cache.layout.encode(new)
            result = await self._txn(entry.key, value, expected=entry.revision, lease=entry.lease)
            if isinstance(result, int):
                await self._feed.wait(result)
                return self.cache.layout.entry(entry.key, value, result, entry.lease)
            entry = await self._current(result, entry.key, name)

    async def delete(self, entry: Entry) -> Entry | None:
        """Remove an object as it stands in `entry`; returns it at the deletion's revision, or None when it has changed."""
        result = await self._txn(entry.key, None, expected=entry.revision)
        if isinstance(result, int):
            await self._feed.wait(result)
            return entry.at(result)
        if result:
            await self._feed.wait(result.mod_revision)
        return None

    async def _current(self, stored: KeyValue | None, key: str, name: str) -> Entry:
        if stored is None:
            raise not_found(self.resource, name)
        await self._feed.wait(stored.mod_revision)
        return self.cache.layout.entry_of(key, stored)

    async def _txn(self, key: str, value: bytes | None, *, expected: int, lease: int = 0) -> int | KeyValue | None:
        """Return the revision written, or the key as it stands when `expected` was not it."""
        stored_at, seal = self.store_key(key), self.cache.layout.seal
        if seal is not None and value is not None:
            value = seal.seal(stored_at, value)
        try:
            result = await self._store.txn(stored_at, value, expected=expected, lease=lease)
        except StoreUnavailable as error:
            _log.error("a write failed", extra={"kind": self.resource.kind, "key": key, "error": str(error)})
            if isinstance(error, StoreFull):
                raise UnknownError(str(error)) from error
            raise InternalError(f"Internal error occurred: {error}") from error
        if not result.succeeded and result.current is None:
            # somebody else has deleted it: whoever tries again must find that in the cache, and not the same object for ever
            await self._feed.wait_a_little(result.revision)
        return result.revision if result.succeeded else result.current


def _same(new: Obj, old: Obj) -> bool:
    """Whether two objects are equal but for the resourceVersion."""
    if new is old:
        return True
    revision = old["metadata"].get("resourceVersion")
    new["metadata"]["resourceVersion"] = revision
    return new == old
