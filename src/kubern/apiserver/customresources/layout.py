"""How custom objects come out of the store: pruned and defaulted by the schema of the storage version, as upstream reads them.

Made by the registry, one for each custom resource. What always holds: an entry shows the storage version, whatever version its
bytes were written in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from kubern.api.resource import Resource
from kubern.api.schema import StructuralSchema, WrongType
from kubern.apiserver.conversion_webhook import Converter, NeedsConversion
from kubern.apiserver.encoding import Entry, Layout, StaleEntry, UnreadableEntry
from kubern.base.json import Obj


class CustomLayout(Layout):
    """The byte layout of a custom resource in its storage version; `versions` are all that it is served in."""

    __slots__ = ("_schema", "converter", "unconverted")

    def __init__(self, stored: Resource, versions: Sequence[Resource]) -> None:
        def fields(obj: Obj) -> Mapping[str, str]:
            return {name: value for version in versions for name, value in version.fields(obj).items()}

        super().__init__(stored.kind, stored.api_version, stored.namespaced, fields)
        assert stored.structural is not None
        self._schema: StructuralSchema = stored.structural
        self.converter: Converter | None = None
        self.unconverted: list[bytes] = []
        """Stored objects of another version that could not be shown because nobody has had them converted yet."""

    def entry(self, key: str, value: bytes, revision: int, lease: int = 0) -> Entry:
        """Return the entry of a stored value, as the schema of today has it."""
        obj = orjson.loads(value)
        written_as = obj.get("apiVersion")
        if self.converter is not None:
            try:
                obj = self.converter.convert(obj, self.api_version)
            except NeedsConversion:
                self.unconverted.append(orjson.dumps(obj))
                why = f"it is stored as {obj.get('apiVersion')} and was not converted yet"
                return UnreadableEntry(self, key, revision, lease, f'Internal error occurred: "{key}": {why}')
        entry = super().entry(key, self.encode(self._settled(obj)), revision, lease)
        # the next write stores it in today's version, even if it changes nothing
        return entry if written_as == self.api_version else StaleEntry(self, key, revision, entry.item, lease)

    def _settled(self, obj: Obj) -> Obj:
        obj["kind"], obj["apiVersion"] = self.kind, self.api_version
        try:
            self._schema.decode(obj)
        except WrongType:  # an object from before its metadata was checked is shown as it is
            return obj
        self._schema.default(obj)
        return obj
