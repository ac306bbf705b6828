"""Waits until the informers have caught up with what a controller wrote itself.

A decision taken on a copy that lacks one's own writes would write them twice: create a second pod, count wrongly. Resource versions tell:
a write is visible once its resource has been followed up to the version that the answer carried. A deletion's answer may carry
none, so there the object itself must be gone or going.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.controllers.cache import Cache

PATIENCE = 60.0
"""Seconds after which a copy that stays behind is no longer waited for; the API refuses what is really wrong."""


class _Gone(NamedTuple):
    gvr: GVR
    namespace: str
    name: str
    uid: str


class _Waiting:
    __slots__ = ("gone", "since", "versions")

    def __init__(self, since: float) -> None:
        self.since = since
        self.versions: dict[GVR, int] = {}
        self.gone: list[_Gone] = []


class Expectations:
    """What each key waits for."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._waiting: dict[Hashable, _Waiting] = {}

    def wrote(self, key: Hashable, gvr: GVR, answer: Obj, now: float) -> None:
        """Wait for an object that was written; `answer` is what the server returned."""
        version = (answer.get("metadata") or {}).get("resourceVersion") or ""
        if version.isdigit():
            versions = self._waiting.setdefault(key, _Waiting(now)).versions
            versions[gvr] = max(versions.get(gvr, 0), int(version))

    def deleted(self, key: Hashable, gvr: GVR, namespace: str, name: str, uid: str, now: float) -> None:
        """Wait for a deletion to be visible."""
        self._waiting.setdefault(key, _Waiting(now)).gone.append(_Gone(gvr, namespace, name, uid))

    def met(self, key: Hashable, now: float) -> bool:
        """Say whether the copies hold everything that `key` wrote."""
        waiting = self._waiting.get(key)
        if waiting is None:
            return True
        behind = any(self._cache.version(gvr) < version for gvr, version in waiting.versions.items())
        if (behind or any(map(self._there, waiting.gone))) and now - waiting.since < PATIENCE:
            return False
        del self._waiting[key]
        return True

    def forget(self, key: Hashable) -> None:
        """Wait for nothing any more."""
        self._waiting.pop(key, None)

    def _there(self, gone: _Gone) -> bool:
        obj = self._cache.get(gone.gvr, gone.namespace, gone.name)
        return obj is not None and obj["metadata"]["uid"] == gone.uid and not obj["metadata"].get("deletionTimestamp")
