"""Keeps what is served in step with the CustomResourceDefinitions.

Made by `ApiServer`, which runs it; follows the definitions through the feed. What always holds: a definition says Established only
once its objects can be read and written here; what fails is tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import orjson

from kubern.api.rules.conditions import find
from kubern.api.rules.values import part
from kubern.apiserver.cache import Change
from kubern.apiserver.core import Core
from kubern.apiserver.customresources.cleaning import clean
from kubern.apiserver.customresources.naming import Taken, accept, establish, taken
from kubern.apiserver.customresources.serving import Serving
from kubern.apiserver.encoding import Entry
from kubern.base.backoff import Backoff
from kubern.base.errors import NotFound, StatusError
from kubern.base.json import Obj
from kubern.store.contract import StoreError

PLURAL, GROUP = "customresourcedefinitions", "apiextensions.k8s.io"
_log = logging.getLogger(__name__)


class CustomResources:
    """The custom resources of an apiserver."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._serving: dict[str, Serving] = {}
        self._dirty: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._backoff = Backoff(0.05, 1)
        core.feed.listen(f"{GROUP}/{PLURAL}", self)

    def load(self, entries: Sequence[Entry]) -> None:
        """Look at these definitions, and at those that have gone."""
        for name in [entry.name for entry in entries] + list(self._serving):
            self._touch(name)

    def change(self, change: Change) -> None:
        """Look at a definition again."""
        self._touch(change.entry.name)

    def _touch(self, name: str) -> None:
        self._dirty[name] = None
        self._wake.set()

    async def settle(self) -> None:
        """Serve what the definitions say; what cannot be done now is left to `run`."""
        while self._dirty:
            failed = [name for name in list(self._dirty) if not await self._try(name)]
            if failed:
                for name in failed:
                    self._touch(name)
                return

    async def run(self) -> None:
        """Follow the definitions until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.settle()
            if self._dirty:
                await self._core.clock.sleep(self._backoff.next(""))
            else:
                self._backoff.reset("")

    async def _try(self, name: str) -> bool:
        self._dirty.pop(name, None)
        try:
            await self._reconcile(name)
        except (StatusError, StoreError):
            _log.exception(
                "a custom resource could not be settled", extra={"kind": "CustomResourceDefinition", "key": name}
            )
            return False
        return True

    async def _reconcile(self, name: str) -> None:
        core = self._core
        entry = core.find(PLURAL, "", name, GROUP)
        if entry is None:
            self._withdraw(name)
            return
        crd = entry.obj()
        status = accept(crd, self._taken(crd), core.clock.now())
        crd["status"] = status
        if _holds(status, "NamesAccepted") or _holds(status, "Established"):
            await self._serve(name, crd)
            status = establish(status, core.clock.now())
        await self._write_status(name, crd, status)
        if crd["metadata"].get("deletionTimestamp"):
            await clean(core, name, self._serving.get(name))

    def _taken(self, crd: Obj) -> Taken:
        """Return the names that the built-in resources and the other definitions of the group hold."""
        group, own = crd["spec"]["group"], crd["metadata"]["name"]
        built_in = [self._core.resources[key] for key in self._core.built_in if key[0] == group]
        held = [{"plural": r.plural, "singular": r.singular, "shortNames": r.short_names, "kind": r.kind, "listKind": f"{r.kind}List"}
                for r in built_in]  # fmt: skip
        others = (
            entry.obj() for entry in self._core.storage_of(PLURAL, GROUP).cache.entries.values() if entry.name != own
        )
        held += [part(other, "status.acceptedNames") for other in others if other["spec"]["group"] == group]
        return taken(held)

    async def _write_status(self, name: str, seen: Obj, status: Obj) -> None:
        """Write the names and conditions, unless the definition has changed: then it is looked at again anyway."""

        async def change(old: Obj) -> Obj:
            if old["spec"] != seen["spec"]:
                return old
            new: Obj = orjson.loads(orjson.dumps(old))
            new.setdefault("status", {})["acceptedNames"] = status["acceptedNames"]
            new["status"]["conditions"] = status["conditions"]
            return new

        try:
            await self._core.storage_of(PLURAL, GROUP).update("", name, change)
        except NotFound:
            self._touch(name)

    async def _serve(self, name: str, crd: Obj) -> None:
        """Serve a definition's objects as it stands now."""
        serving = self._serving.get(name)
        if serving and serving.shows(crd):
            return
        before = serving
        serving = Serving(self._core, crd)
        if before and before.stores_alike(serving):
            serving.take(before)
        else:
            await serving.join(self._core)
            self._core.feed.listen(serving.storage.prefix, _Emptied(self, name, serving))
        self._serving[name] = serving
        if serving.converter is not None:
            self._core.converters[serving.storage.prefix] = serving.converter
        else:
            self._core.converters.pop(serving.storage.prefix, None)
        self._core.publish(serving.storage, serving.declared.served)

    def _withdraw(self, name: str) -> None:
        """Serve a definition's objects no longer, and let others have its names."""
        serving = self._serving.pop(name, None)
        if serving:
            self._core.publish(serving.storage, ())
            self._core.converters.pop(serving.storage.prefix, None)
            self._core.feed.leave(serving.storage.prefix)
        group = name.partition(".")[2]
        for entry in self._core.storage_of(PLURAL, GROUP).cache.entries.values():
            other = entry.obj()
            if other["spec"]["group"] == group and not _holds(other.get("status") or {}, "NamesAccepted"):
                self._touch(entry.name)


class _Emptied:
    """Has a definition looked at again when the last of its objects has gone."""

    def __init__(self, custom: CustomResources, name: str, serving: Serving) -> None:
        self._custom = custom
        self._name = name
        self._cache = serving.storage.cache

    def load(self, entries: Sequence[Entry]) -> None:
        if not entries:
            self._custom._touch(self._name)

    def change(self, change: Change) -> None:
        if change.deleted and not self._cache.entries:
            self._custom._touch(self._name)


def _holds(status: Obj, kind: str) -> bool:
    return bool(find(status, kind).get("status") == "True")
