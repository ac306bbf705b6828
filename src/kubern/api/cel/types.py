"""The static types of expressions, and which fits where.

The checker gives every node one of these. What always holds: types are immutable and compare by name and parameters (an object
type by its name, which is unique within one environment); `dyn` fits everywhere and everything fits `dyn`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Field(NamedTuple):
    """One field of an object type: its name in JSON (the expression may use an escaped one) and its type."""

    name: str
    type: Type
    optional: bool = True


class Type:
    """A type. `fields` belongs to object types; `convert` makes a CEL value of a JSON value, None where they are the same."""

    __slots__ = ("bounds", "convert", "fields", "name", "open_fields", "params")

    def __init__(
        self,
        name: str,
        params: tuple[Type, ...] = (),
        *,
        fields: Mapping[str, Field] | None = None,
        convert: Callable[[Any], Any] | None = None,
        open_fields: bool = False,
        bounds: Any = None,
    ) -> None:
        self.name = name
        self.params = params
        self.fields = fields
        self.convert = convert
        self.open_fields = open_fields
        self.bounds = bounds

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Type) and self.name == other.name and self.params == other.params

    def __hash__(self) -> int:
        return hash((self.name, self.params))

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.params))})" if self.params else self.name

    __repr__ = __str__

    @property
    def variable(self) -> bool:
        """Whether this is a type variable of an overload (`A`) or a fresh one of the checker (`%3`)."""
        return self.name[:1] == "%" or (len(self.name) == 1 and self.name.isupper())


BOOL, INT, UINT, DOUBLE = Type("bool"), Type("int"), Type("uint"), Type("double")
STRING, BYTES, NULL, DYN = Type("string"), Type("bytes"), Type("null_type"), Type("dyn")
TIMESTAMP, DURATION = Type("google.protobuf.Timestamp"), Type("google.protobuf.Duration")
TYPE = Type("type")
ERROR = Type("*error*")

NAMES: dict[str, Type] = {
    **{t.name: t for t in (BOOL, INT, UINT, DOUBLE, STRING, BYTES, DYN, TIMESTAMP, DURATION, NULL, TYPE)},
    "timestamp": TIMESTAMP,
    "duration": DURATION,
}
"""The types that signatures of overloads write by name; libraries' own are written in full (`kubernetes.Quantity`)."""


def list_of(item: Type, convert: Callable[[Any], Any] | None = None, bounds: Any = None) -> Type:
    """Return the type of lists of `item`."""
    return Type("list", (item,), convert=convert, bounds=bounds)


def map_of(key: Type, value: Type, convert: Callable[[Any], Any] | None = None, bounds: Any = None) -> Type:
    """Return the type of maps from `key` to `value`."""
    return Type("map", (key, value), convert=convert, bounds=bounds)


def optional_of(item: Type) -> Type:
    """Return the type of an optional `item`."""
    return Type("optional_type", (item,))


class Bindings:
    """What the type variables met in one expression stand for so far."""

    def __init__(self) -> None:
        self._bound: dict[str, Type] = {}
        self._fresh = 0

    def fresh(self) -> Type:
        """Return a type variable that nothing is known of yet."""
        self._fresh += 1
        return Type(f"%{self._fresh}")

    def resolve(self, item: Type) -> Type:
        """Return `item` with the variables that are known replaced; one that nothing is known of stays."""
        while item.variable and item.name in self._bound:
            item = self._bound[item.name]
        if item.params:
            params = tuple(self.resolve(param) for param in item.params)
            if params != item.params:
                return Type(item.name, params, convert=item.convert, bounds=item.bounds)
        return item

    def instantiate(self, types: tuple[Type, ...]) -> tuple[Type, ...]:
        """Return an overload's types with variables of its own for this call."""
        names: dict[str, Type] = {}

        def rename(item: Type) -> Type:
            if item.variable:
                return names.setdefault(item.name, self.fresh())
            return Type(item.name, tuple(map(rename, item.params))) if item.params else item

        return tuple(map(rename, types))

    def assignable(self, pairs: list[tuple[Type, Type]]) -> bool:
        """Say whether each `(to, from)` fits, and if all do, remember what that says of the variables."""
        saved = dict(self._bound)
        if all(self._fit(to, given) for to, given in pairs):
            return True
        self._bound = saved
        return False

    def _fit(self, to: Type, given: Type) -> bool:
        to, given = self.resolve(to), self.resolve(given)
        if to == given or "*error*" in (to.name, given.name):
            return True
        if to.variable:
            return self._bind(to, given)
        if given.variable:
            return self._bind(given, to)
        if "dyn" in (to.name, given.name):
            return True
        if given.name == "null_type":
            return to.fields is not None or to.open_fields or to.name in _NULLABLE
        if to.name == "type" == given.name:
            return True
        return (
            to.name == given.name
            and len(to.params) == len(given.params)
            and all(self._fit(a, b) for a, b in zip(to.params, given.params, strict=True))
        )

    def _bind(self, variable: Type, to: Type) -> bool:
        if self._occurs(variable, to):
            return False
        self._bound[variable.name] = to
        return True

    def _occurs(self, variable: Type, inside: Type) -> bool:
        return variable == inside or any(self._occurs(variable, self.resolve(param)) for param in inside.params)


_NULLABLE = frozenset({"google.protobuf.Timestamp", "google.protobuf.Duration", "optional_type"})
