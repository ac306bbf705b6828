"""The types of expressions over whole API objects, made of the types that their definitions have.

Used to check the expressions of admission policies ahead of any request. What always holds: these types are for the checker only (no value
is converted by them), and what a definition leaves open is `dyn`, so that nothing is reported that could work.
"""

from __future__ import annotations

from kubern.api.cel import types
from kubern.api.cel.escaping import escape
from kubern.api.cel.types import DYN, Field, Type
from kubern.api.schema import types as schema_types
from kubern.base.json import Obj

_SCALARS = {
    schema_types.STRING: types.STRING,
    schema_types.BOOL: types.BOOL,
    schema_types.INT32: types.INT,
    schema_types.INT64: types.INT,
    schema_types.NUMBER: types.DOUBLE,
    schema_types.BYTES: types.BYTES,
    schema_types.TIME: types.TIMESTAMP,
    schema_types.MICRO_TIME: types.TIMESTAMP,
}
_FORMATS = {"date-time": types.TIMESTAMP, "date": types.TIMESTAMP, "duration": types.DURATION, "byte": types.BYTES}
_META = "#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


class ObjectTypes:
    """Makes types and remembers those of named definitions, which may hold themselves."""

    def __init__(self, built: schema_types.Types) -> None:
        self._built = built
        self._named: dict[str, Type] = {}
        self._count = 0

    def of_definition(self, name: str) -> Type:
        """Return the type of a definition (`io.k8s.api.core.v1.Pod`). Raises `KeyError` for an unknown one."""
        return self._of(self._built[name])

    def of_schema(self, schema: Obj) -> Type:
        """Return the type of a custom resource's objects, which have what every object has."""
        text = {"type": "string"}
        every = {"apiVersion": text, "kind": text, "metadata": {"$ref": _META}}
        properties = {**(schema.get("properties") or {}), **every}
        return self._of(self._built.build({**schema, "type": "object", "properties": properties}))

    def _of(self, item: schema_types.Type) -> Type:
        if item.kind == schema_types.LIST:
            return types.list_of(self._of(item.item))
        if item.kind == schema_types.MAP:
            more = item.schema.get("additionalProperties")
            return types.map_of(types.STRING, self._of(item.item) if isinstance(more, dict) else DYN)
        if item.kind == schema_types.STRUCT:
            return self._struct(item)
        if item.kind == schema_types.STRING:
            return _FORMATS.get(item.schema.get("format", ""), types.STRING)
        return _SCALARS.get(item.kind, DYN)

    def _struct(self, item: schema_types.Type) -> Type:
        if item.schema.get("x-kubernetes-preserve-unknown-fields") or not item.fields:
            return DYN
        if item.name and item.name in self._named:
            return self._named[item.name]
        self._count += 1
        fields: dict[str, Field] = {}
        made = Type(item.name or f"object{self._count}", fields=fields)
        if item.name:
            self._named[item.name] = made
        for name, field in item.fields.items():
            kind = self._of(field.type)
            for written in {name, escape(name)} - {""}:
                fields[written] = Field(name, kind, not field.required)
        return made
