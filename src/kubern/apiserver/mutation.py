"""What mutating webhooks and mutating policies have in common: whose turn it is again, and taking a changed object over.

What always holds: an object that was changed from outside is decoded, pruned and defaulted anew before anybody else sees it.
"""

from __future__ import annotations

from typing import Any

import orjson

from kubern.api import schema
from kubern.api.resource import Resource
from kubern.apiserver.admission_chain import Attributes, Reinvocation
from kubern.apiserver.conversion import to_stored
from kubern.apiserver.metadata import check_path
from kubern.base.json import Obj


class Turns:
    """Which of several mutators are asked again in the second round: those that want that, if the object changed after their turn."""

    def __init__(self) -> None:
        self._eligible: set[str] = set()
        self._due: set[str] = set()
        self._output: Obj | None = None
        self._round = Reinvocation()

    @classmethod
    def of(cls, attributes: Attributes, plugin: str) -> Turns:
        """Return the turns of a plug-in's mutators in this round of a request."""
        reinvocation = attributes.reinvocation or Reinvocation()
        turns: Turns = reinvocation.notes.setdefault(plugin, cls())
        turns._round = reinvocation
        if reinvocation.second and turns._output != attributes.obj:
            turns._make_due()  # somebody else has changed the object since
        return turns

    @property
    def number(self) -> int:
        """0 in the first round, 1 in the second."""
        return int(self._round.second)

    def has(self, mutator: str) -> bool:
        """Whether it is this one's turn."""
        return not self._round.second or mutator in self._due

    def took(self, mutator: str, *, changed: bool, again: bool) -> None:
        """Note that one had its turn, whether it changed the object, and whether it wants to be asked again when others do."""
        if changed:
            self._make_due()
            self._round.wanted = True
        if again:
            self._eligible.add(mutator)

    def end(self, attributes: Attributes) -> None:
        """Remember the object as this plug-in leaves it."""
        if attributes.obj is not None:
            self._output = orjson.loads(orjson.dumps(attributes.obj))

    def _make_due(self) -> None:
        self._due |= self._eligible
        self._eligible.clear()


def take_over(attributes: Attributes, resource: Resource, changed: Obj, validation: str = "Ignore") -> bool:
    """Put a changed object, in the version of `resource`, into the request; returns whether it differs from what was there.

    `validation` is what becomes of unknown fields, as in fieldValidation. Raises `NotDecodable`, and `BadRequest` for a new object
    that is sent to another namespace.
    """
    assert attributes.obj is not None
    before = orjson.dumps(attributes.obj)
    new: Obj = orjson.loads(orjson.dumps(changed))
    _settle(attributes, resource, new, validation)
    if attributes.operation == "CREATE" and attributes.kind is None and resource.namespaced:
        check_path(new, resource, attributes.namespace, "")
    attributes.obj.clear()
    attributes.obj.update(new)
    return bool(orjson.loads(before) != attributes.obj)


def _settle(attributes: Attributes, resource: Resource, obj: Obj, validation: str) -> None:
    core = attributes.core
    if attributes.kind is not None:
        definition = core.schemas.definitions.by_kind.get(attributes.kind)
        if definition:
            schema.settle(core.schemas[definition], obj, attributes.kind.kind, attributes.kind.version, validation)
        return
    decoder: Any = resource.structural or core.schemas[resource.schema]
    schema.settle(decoder, obj, resource.kind, resource.version, validation)
    if resource.stored:
        to_stored(obj, resource, core.storage(resource).resource)
    resource.default(obj)
