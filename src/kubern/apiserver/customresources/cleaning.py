"""The end of a definition: its objects are deleted, and when none is left its finalizer is taken off.

Called by the registry whenever a definition that is being deleted has changed, or its last object has gone. What always holds: a
definition goes only after the objects that were served through it.
"""

from __future__ import annotations

import asyncio

import orjson

from kubern.api.resources.apiextensions.customresourcedefinitions import FINALIZER
from kubern.api.rules.conditions import condition, with_condition
from kubern.apiserver.core import Core
from kubern.apiserver.customresources.serving import Serving
from kubern.apiserver.deletion import DeleteRequest, remove
from kubern.apiserver.encoding import Entry
from kubern.apiserver.storage import Storage
from kubern.apiserver.writing import finished
from kubern.base.errors import NotFound
from kubern.base.json import Obj

PLURAL, GROUP = "customresourcedefinitions", "apiextensions.k8s.io"
TOGETHER = 64
"""Deletions on their way at once: they share commits of the store."""


async def clean(core: Core, name: str, serving: Serving | None) -> None:
    """Take a definition one step nearer to its end. Raises what the store raises."""
    crd = core.storage_of(PLURAL, GROUP).get("", name).obj()
    if FINALIZER not in (crd["metadata"].get("finalizers") or ()):
        return
    if serving is None:
        await _finish(core, name, "NeverEstablished", "resource was never established")
        return
    storage = serving.storage
    if storage.cache.entries:
        await _set(core, name, True, "InstanceDeletionInProgress", "CustomResource deletion is in progress")
        await _delete_all(core, storage)
    if not storage.cache.entries:
        await _finish(core, name, "InstanceDeletionCompleted", "removed all instances")


async def _delete_all(core: Core, storage: Storage) -> None:
    waiting = [entry for entry in storage.cache.select() if not entry.obj()["metadata"].get("deletionTimestamp")]
    for start in range(0, len(waiting), TOGETHER):
        await asyncio.gather(*(_delete(core, storage, entry) for entry in waiting[start : start + TOGETHER]))


async def _delete(core: Core, storage: Storage, entry: Entry) -> None:
    try:
        await remove(core, storage, entry, DeleteRequest())
    except NotFound:
        return  # somebody else was faster


async def _set(core: Core, name: str, terminating: bool, reason: str, message: str) -> Entry:
    """Write the condition; a definition that is not terminating any more loses the finalizer in the same write."""

    async def change(old: Obj) -> Obj:
        new: Obj = orjson.loads(orjson.dumps(old))
        state = condition("Terminating", terminating, reason, message, core.clock.now())
        new["status"] = with_condition(new.get("status") or {}, state)
        if not terminating:
            left = [one for one in new["metadata"].get("finalizers") or () if one != FINALIZER]
            new["metadata"]["finalizers"] = left
            if not left:
                del new["metadata"]["finalizers"]
        return new

    return await core.storage_of(PLURAL, GROUP).update("", name, change)


async def _finish(core: Core, name: str, reason: str, message: str) -> None:
    entry = await _set(core, name, False, reason, message)
    if finished(entry.obj()):
        await core.storage_of(PLURAL, GROUP).delete(entry)
