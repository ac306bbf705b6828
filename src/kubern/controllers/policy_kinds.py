"""The kinds that an admission policy names, with their types: built-in ones and those of CustomResourceDefinitions.

Used by the controller of the policies' status. What always holds: rules with wildcards, subresources and unknown resources name nothing,
and no rule names more than ten kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kubern.api.cel.object_types import ObjectTypes
from kubern.api.cel.types import Type
from kubern.api.resources import load
from kubern.api.schema import Definitions, Types
from kubern.base.json import Obj

MOST = 10
"""Kinds a rule, as upstream has it."""


class Kind(NamedTuple):
    """A kind and what describes it: a definition's name, or a schema."""

    group: str
    version: str
    plural: str
    kind: str
    definition: str = ""
    schema: Obj | None = None

    @property
    def text(self) -> str:
        """The kind as upstream's messages name it."""
        return f"{self.group}/{self.version}, Kind={self.kind}"


class Kinds:
    """All kinds that there are, `crds` among them."""

    def __init__(self, crds: Iterable[Obj]) -> None:
        self._all: dict[tuple[str, str, str], Kind] = {}
        for resource in load():
            key = (resource.group, resource.version, resource.plural)
            self._all[key] = Kind(*key, resource.kind, definition=resource.schema)
        for crd in crds:
            for kind in _of(crd):
                self._all.setdefault(kind[:3], kind)
        self._types = ObjectTypes(Types(Definitions()))

    def named(self, spec: Obj) -> dict[str, Type]:
        """Return the types of the kinds that a policy's matchConstraints name, sorted, by their texts."""
        found: dict[tuple[str, str, str], Kind] = {}
        for rule in (spec.get("matchConstraints") or {}).get("resourceRules") or ():
            for kind in list(self._matched(rule))[:MOST]:
                found[kind.group, kind.version, kind.kind] = kind
        return {found[key].text: self._type(found[key]) for key in sorted(found)}

    def params(self, spec: Obj) -> Type | None:
        """Return the type of a policy's parameters, None when it has none or they are unknown."""
        wanted = spec.get("paramKind") or {}
        group, _, version = (wanted.get("apiVersion") or "").rpartition("/")
        for kind in self._all.values():
            if (kind.group, kind.version, kind.kind) == (group, version, wanted.get("kind")):
                return self._type(kind)
        return None

    def _matched(self, rule: Obj) -> Iterator[Kind]:
        groups, versions = rule.get("apiGroups") or [], rule.get("apiVersions") or []
        if any("*" in name for name in (*groups, *versions)):
            return
        for group in sorted(groups):
            for version in sorted(versions):
                for plural in sorted(rule.get("resources") or ()):
                    if (group, version, plural) in self._all:
                        yield self._all[group, version, plural]

    def _type(self, kind: Kind) -> Type:
        return (
            self._types.of_definition(kind.definition) if kind.definition else self._types.of_schema(kind.schema or {})
        )


def _of(crd: Obj) -> Iterator[Kind]:
    spec = crd["spec"]
    for version in spec["versions"]:
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if version.get("served") and schema:
            yield Kind(spec["group"], version["name"], spec["names"]["plural"], spec["names"]["kind"], schema=schema)
