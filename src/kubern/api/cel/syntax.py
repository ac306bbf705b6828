"""The nodes of a parsed expression.

The parser makes them, the checker writes `type` (and what it resolved) into them, the planner and the cost estimate read them. Macros
stay whole (`Fold`, `Bind`, `OptionalMap`) instead of being expanded: one node is quicker to check and to run, and errors stay readable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubern.api.cel.types import DYN, Type

if TYPE_CHECKING:
    from kubern.api.cel.library import Overload


class Node:
    """Any node. `offset` is where an error about it points."""

    __slots__ = ("offset", "type")

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.type: Type = DYN

    def children(self) -> list[Node]:
        """Return the nodes directly below."""
        return []


class Literal(Node):
    """A value that is written out; also a type's name, once resolved."""

    __slots__ = ("value",)

    def __init__(self, offset: int, value: Any) -> None:
        super().__init__(offset)
        self.value = value


class Ident(Node):
    """A name. `slot` is set when it is a macro's variable, `constant` when it names a type or an environment's constant."""

    __slots__ = ("constant", "name", "slot")

    def __init__(self, offset: int, name: str) -> None:
        super().__init__(offset)
        self.name = name
        self.slot: int | None = None
        self.constant: Any = None


class Select(Node):
    """`operand.field`, `operand.?field`, or `has(operand.field)`. `key` is the field's name in JSON; `whole` a dotted name's Ident."""

    __slots__ = ("field", "key", "operand", "optional", "test", "whole")

    def __init__(self, offset: int, operand: Node, field: str, *, optional: bool = False, test: bool = False) -> None:
        super().__init__(offset)
        self.operand = operand
        self.field = self.key = field
        self.optional = optional
        self.test = test
        self.whole: Ident | None = None

    def children(self) -> list[Node]:
        """Return the operand."""
        return [self.operand]


class Call(Node):
    """A function or an operator (`_+_`). `chosen` are the overloads that may apply, set by the checker."""

    __slots__ = ("args", "chosen", "function", "target")

    def __init__(self, offset: int, function: str, args: list[Node], target: Node | None = None) -> None:
        super().__init__(offset)
        self.function = function
        self.args = args
        self.target = target
        self.chosen: tuple[Overload, ...] = ()

    def children(self) -> list[Node]:
        """Return the target and the arguments."""
        return ([self.target] if self.target else []) + self.args


class ListLiteral(Node):
    """`[a, ?b]`. `optional` are the positions that are left out when their optional is empty."""

    __slots__ = ("items", "optional")

    def __init__(self, offset: int, items: list[Node], optional: frozenset[int]) -> None:
        super().__init__(offset)
        self.items = items
        self.optional = optional

    def children(self) -> list[Node]:
        """Return the items."""
        return list(self.items)


class Entry:
    """One `key: value` of a map, or `field: value` of an object."""

    __slots__ = ("key", "offset", "optional", "value")

    def __init__(self, offset: int, key: Node, value: Node, optional: bool) -> None:
        self.offset = offset
        self.key = key
        self.value = value
        self.optional = optional


class MapLiteral(Node):
    """`{key: value}`."""

    __slots__ = ("entries",)

    def __init__(self, offset: int, entries: list[Entry]) -> None:
        super().__init__(offset)
        self.entries = entries

    def children(self) -> list[Node]:
        """Return keys and values."""
        return [node for entry in self.entries for node in (entry.key, entry.value)]


class ObjectLiteral(Node):
    """`Name{field: value}`; the keys are Literals of the fields' names."""

    __slots__ = ("entries", "name")

    def __init__(self, offset: int, name: str, entries: list[Entry]) -> None:
        super().__init__(offset)
        self.name = name
        self.entries = entries

    def children(self) -> list[Node]:
        """Return the values."""
        return [entry.value for entry in self.entries]


class Fold(Node):
    """A macro that walks a list or map: `all`, `exists`, `existsOne`, `filter`, `map`, `transformList`, `transformMap`, …

    `where` is an optional condition, `body` what is asked or made of each item; `slots` are set by the checker.
    """

    __slots__ = ("body", "kind", "names", "over", "slots", "where")

    def __init__(self, offset: int, kind: str, over: Node, names: list[str], body: Node) -> None:
        super().__init__(offset)
        self.kind = kind
        self.over = over
        self.names = names
        self.where: Node | None = None
        self.body = body
        self.slots: tuple[int, ...] = ()

    def children(self) -> list[Node]:
        """Return range, condition and body."""
        return [self.over] + ([self.where] if self.where else []) + [self.body]


class Bind(Node):
    """`cel.bind(name, value, body)`, and with `optional` `value.optMap(name, body)` (`flat`: `optFlatMap`)."""

    __slots__ = ("body", "flat", "name", "optional", "slot", "value")

    def __init__(self, offset: int, name: str, value: Node, body: Node) -> None:
        super().__init__(offset)
        self.name = name
        self.value = value
        self.body = body
        self.optional = False
        self.flat = False
        self.slot = 0

    def children(self) -> list[Node]:
        """Return value and body."""
        return [self.value, self.body]
