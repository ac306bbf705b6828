"""One definition that is served: its resources and where its objects are kept.

Made by the registry. What always holds: equal specs and accepted names make equal `Serving`s.
"""

from __future__ import annotations

import orjson

from kubern.api.rules.values import items, part
from kubern.apiserver.conversion_webhook import Converter
from kubern.apiserver.core import Core
from kubern.apiserver.customresources.declaration import declare
from kubern.apiserver.customresources.layout import CustomLayout
from kubern.apiserver.storage import Storage
from kubern.base.json import Obj

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


class Serving:
    """What a definition is turned into."""

    def __init__(self, core: Core, crd: Obj) -> None:
        webhook = part(crd, "spec.conversion").get("strategy") == "Webhook"
        self.converter = Converter(core, crd) if webhook else None
        self.declared = declare(crd, core.schemas[OBJECT_META], self.converter)
        layout = CustomLayout(self.declared.stored, self.declared.served)
        layout.converter = self.converter
        layout.seal = core.encryption.seal_for(self.declared.stored.plural, self.declared.stored.group)
        self.layout = layout
        self.storage = Storage(self.declared.stored, core.store, core.feed, layout)
        self._shown = _facts(crd)
        self._stored = _stored_facts(crd)

    def take(self, before: Serving) -> None:
        """Go on with the objects of the one before, which are the same."""
        self.storage, self.layout = before.storage, before.layout
        self.layout.converter = self.converter

    async def join(self, core: Core) -> None:
        """Fill the cache, and have converted what is stored in an earlier version. Raises `StoreError`, `StatusError`."""
        for _ in range(2):
            await core.feed.join(self.storage.cache, self.storage.broadcaster)
            missing, self.layout.unconverted = self.layout.unconverted, []
            if not missing or self.converter is None:
                return
            await self.converter.ask(missing, self.declared.stored.api_version)

    def shows(self, crd: Obj) -> bool:
        """Whether a definition would be served as this one is."""
        return self._shown == _facts(crd)

    def stores_alike(self, other: Serving) -> bool:
        """Whether the objects in the other's watch cache would be those in this one's."""
        return self._stored == other._stored


def _facts(crd: Obj) -> bytes:
    deleted = bool(crd["metadata"].get("deletionTimestamp"))
    return orjson.dumps([crd["spec"], part(crd, "status.acceptedNames"), deleted])


def _stored_facts(crd: Obj) -> bytes:
    """Return all that the layout and the cache of the stored form depend on."""
    versions = [version for _, version in items(crd, "spec.versions")]
    stored = next(version for version in versions if version.get("storage"))
    selectable = [version.get("selectableFields") for version in versions if version.get("served")]
    kind, strategy = part(crd, "status.acceptedNames").get("kind"), part(crd, "spec.conversion").get("strategy")
    return orjson.dumps(
        [crd["spec"]["scope"], kind, stored["name"], part(stored, "schema.openAPIV3Schema"), selectable, strategy]
    )
