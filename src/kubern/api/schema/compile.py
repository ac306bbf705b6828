"""Schemas of the built-in types: decoding, strictness and required fields.

The apiserver owns one `Schemas`, which remembers what it has compiled. What always holds: after `decode` an object has no
unknown field, no null and no value of a wrong type.
"""

from __future__ import annotations

from typing import Any, Protocol

from kubern.api import field
from kubern.api.schema import types
from kubern.api.schema.definitions import Definitions
from kubern.api.schema.fast import Compiler, Odd
from kubern.api.schema.slow import Walk, WrongType
from kubern.api.schema.types import Type, Types
from kubern.base.errors import BadRequest, Cause
from kubern.base.json import Obj


class NotDecodable(BadRequest):
    """A body that is no object of its kind (400); `detail` is what is wrong, without the words about the kind.

    A patch whose result is none is refused with 422 instead, which is what `detail` is kept for.
    """

    def __init__(self, kind: str, version: str, detail: str) -> None:
        super().__init__(f'{kind} in version "{version}" cannot be handled as a {kind}: {detail}')
        self.detail = detail


class Schema:
    """The schema of one kind."""

    def __init__(self, type: Type, compiler: Compiler) -> None:
        self.type = type
        self._check = compiler.struct(type)

    def decode(self, obj: Obj) -> list[str]:
        """Normalise `obj` in place and return the paths of the unknown fields that were taken out.

        As upstream's decode and encode would leave it: nulls and empty optional collections are dropped, quantities, times and
        bytes are in normal form. Raises `WrongType` for a value that cannot be decoded.
        """
        try:
            self._check(obj)
        except Odd:
            walk = Walk()
            walk.run(self.type, obj)
            return walk.unknown
        except RecursionError as error:
            raise WrongType("exceeded max depth") from error
        return []

    def missing(self, obj: Obj, path: str = "") -> list[Cause]:
        """Return a cause for every field that the published `required` lists name and that is absent."""
        return list(_missing(self.type, obj, path))


class Schemas:
    """All built-in schemas by the name of their definition, each compiled when first used."""

    def __init__(self, definitions: Definitions | None = None) -> None:
        self.definitions = definitions or Definitions()
        self.types = Types(self.definitions)
        self._compiler = Compiler()
        self._schemas: dict[str, Schema] = {}

    def __getitem__(self, name: str) -> Schema:
        """Return the schema of `io.k8s.api.core.v1.Pod`. Raises `KeyError` for an unknown name."""
        schema = self._schemas.get(name)
        if schema is None:
            schema = self._schemas[name] = Schema(self.types[name], self._compiler)
        return schema


class Decoder(Protocol):
    """What turns an object into its normal form: a built-in kind's `Schema`, or a custom one's."""

    def decode(self, obj: Obj) -> list[str]:
        """Take out what is not known, in place, and return the paths. Raises `WrongType`."""
        ...


def settle(
    schema: Decoder, obj: Obj, kind: str, version: str, validation: str = "Warn", duplicates: list[str] | None = None
) -> list[str]:
    """Decode a request's object in place, as `fieldValidation` (`Strict`, `Warn`, `Ignore`) says, and return the warnings.

    `kind` and `version` are those of the body (`v1` without its group); `duplicates` are the texts of `find_duplicates`.
    Raises `NotDecodable` in upstream's words for a wrong type and, when strict, for unknown and duplicate fields.
    """
    try:
        unknown = schema.decode(obj)
    except WrongType as error:
        raise NotDecodable(kind, version, str(error)) from error
    faults = [*(duplicates or ()), *(f"unknown field {field.quote(path)}" for path in unknown)]
    if not faults or validation == "Ignore":
        return []
    if validation == "Strict":
        raise NotDecodable(kind, version, f"strict decoding error: {', '.join(faults)}")
    return faults


def _missing(type: Type, value: Any, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if type.kind == types.STRUCT and isinstance(value, dict):
        for name, one in type.fields.items():
            here = f"{path}.{name}" if path else name
            if value.get(name) is not None:
                causes += _missing(one.type, value[name], here)
            elif one.required:
                causes.append(field.required(here))
    elif type.kind == types.LIST and isinstance(value, list):
        for index, item in enumerate(value):
            causes += _missing(type.item, item, f"{path}[{index}]")
    elif type.kind == types.MAP and isinstance(value, dict):
        for key, item in value.items():
            causes += _missing(type.item, item, f"{path}[{key}]")
    return causes
