"""The types of API objects, built from the definitions: what the decoder, the merge and the checks walk along.

What always holds: a type is built when it is first asked for (Pod alone reaches 200 others), and then never changes.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from kubern.api.schema.definitions import REFERENCE, Definitions
from kubern.base.json import Obj

STRING, BOOL, INT32, INT64, NUMBER = "string", "bool", "int32", "int64", "float64"
TIME, MICRO_TIME, QUANTITY, INT_OR_STRING, BYTES = "time", "micro-time", "quantity", "int-or-string", "bytes"
ANY, STRUCT, MAP, LIST = "any", "struct", "map", "list"

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_SPECIAL = {
    _META + "Time": TIME,
    _META + "MicroTime": MICRO_TIME,
    _META + "FieldsV1": ANY,
    _META + "Patch": ANY,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": QUANTITY,
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": INT_OR_STRING,
    "io.k8s.apimachinery.pkg.runtime.RawExtension": ANY,
}
_INTEGERS = {"int32": INT32, "int64": INT64}


class Type:
    """One type: a scalar, a struct with named fields, a map or a list. `name` is the definition's, empty for the rest."""

    def __init__(self, kind: str, schema: Obj, name: str, types: Types) -> None:
        self.kind = kind
        self.schema = schema
        self.name = name
        self._types = types

    @cached_property
    def fields(self) -> dict[str, Field]:
        """A struct's fields."""
        required = frozenset(self.schema.get("required", ()))
        return {
            name: Field(name, self._types.build(schema), name in required, schema)
            for name, schema in self.schema.get("properties", {}).items()
        }

    @cached_property
    def item(self) -> Type:
        """The type of a list's items or of a map's values."""
        inner = self.schema["items" if self.kind == LIST else "additionalProperties"]
        return self._types.build(inner if isinstance(inner, dict) else {})

    @property
    def short_name(self) -> str:
        """`PodSpec` for `io.k8s.api.core.v1.PodSpec`."""
        return self.name.rpartition(".")[2]

    @property
    def go_name(self) -> str:
        """The type as upstream's decoding errors print it: `v1.PodSpec`, `[]string`, `map[string]string`, `int32`."""
        if self.kind == STRUCT:
            return ".".join(self.name.split(".")[-2:])
        if self.kind == LIST:
            return f"[]{self.item.go_name}"
        if self.kind == MAP:
            return f"map[string]{self.item.go_name}"
        return _GO_NAMES.get(self.kind, self.kind)

    def __repr__(self) -> str:
        return f"Type({self.name or self.kind})"


_GO_NAMES = {
    TIME: "string", MICRO_TIME: "string", QUANTITY: "resource.Quantity", INT_OR_STRING: "int32", BYTES: "[]uint8",
    ANY: "interface {}",
}  # fmt: skip


class Field:
    """A struct's field, with the marks that say how patches merge it."""

    __slots__ = ("merge_key", "name", "required", "strategy", "type")

    def __init__(self, name: str, type: Type, required: bool, schema: Obj) -> None:
        self.name = name
        self.type = type
        self.required = required
        self.strategy = frozenset(filter(None, schema.get("x-kubernetes-patch-strategy", "").split(",")))
        self.merge_key: str = schema.get("x-kubernetes-patch-merge-key", "")


class Types:
    """Builds types from definitions; one instance remembers what it has built."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._built: dict[str, Type] = {}

    def __getitem__(self, name: str) -> Type:
        """Return the type of a definition. Raises `KeyError` for an unknown one."""
        built = self._built.get(name)
        if built is None:
            schema = self._definitions[name]
            kind = _SPECIAL.get(name) or kind_of(schema)
            if kind == ANY and name not in _SPECIAL and "type" in schema:
                kind = STRUCT  # a struct that has no fields (yet)
            built = self._built[name] = Type(kind, schema, name, self)
        return built

    def build(self, schema: Obj) -> Type:
        """Return the type of a property's schema."""
        reference = schema.get("$ref")
        if reference is not None:
            return self[reference.removeprefix(REFERENCE)]
        return Type(kind_of(schema), schema, "", self)


def kind_of(schema: Obj) -> str:
    """Return which kind of type a schema stands for; one that says nothing stands for any value."""
    kind: Any = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), None)
    if kind == "object":
        if "properties" in schema:
            return STRUCT
        if "additionalProperties" in schema:
            return MAP
        return ANY
    if kind == "array":
        return LIST
    if kind == "integer":
        return _INTEGERS.get(schema.get("format", ""), INT64)
    if kind == "string":
        return BYTES if schema.get("format") == "byte" else STRING
    return {"boolean": BOOL, "number": NUMBER}.get(kind, ANY)
