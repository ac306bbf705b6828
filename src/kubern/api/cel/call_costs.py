"""What a call may cost, from the sizes of what it is given.

Called by `estimate`. A function that is not named here costs one unit, as it does when it runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from kubern.api.cel.sizes import ONE, UNBOUNDED, UNKNOWN, Size
from kubern.api.cel.syntax import Call
from kubern.api.cel.types import Type

_CHARACTER, _PATTERN = 0.1, 0.25
"""The price of walking over a character, and of one in a regular expression."""
_ASKED_AUTHORIZER = 350_000
_NAME_PATTERN = 128


class Part(NamedTuple):
    """What a part of an expression costs, and what is known of its value: its size, its place below `self`, its keys' and values' sizes."""

    cost: int
    type: Type
    size: Size | None = None
    path: tuple[str, ...] = ()
    entry: tuple[Size, Size] | None = None
    literal: Any = None


class _Given(NamedTuple):
    function: str
    target: Part | None
    args: list[Part]
    at: Callable[[tuple[str, ...]], Size | None]

    @property
    def owner(self) -> Size:
        return self.target.size or UNKNOWN if self.target is not None else UNKNOWN

    def size(self, number: int) -> Size:
        return self.args[number].size or UNKNOWN if number < len(self.args) else UNKNOWN


_Answer = tuple[int, Size | None]
"""The price of the call alone, and the size of its result where that is known."""


def call(node: Call, target: Part | None, args: list[Part], at: Callable[[tuple[str, ...]], Size | None]) -> Part:
    """Return what a call costs with its arguments. `at` tells the size of what is found under a path."""
    given = _Given(node.function, target, args, at)
    before = sum(arg.cost for arg in args) + (target.cost if target is not None else 0)
    if node.function in ("_&&_", "_||_"):
        return Part(before, node.type, ONE)
    if node.function == "_?_:_":
        cost = args[0].cost + max(args[1].cost, args[2].cost)
        return Part(cost, node.type, given.size(1).union(given.size(2)), entry=_both(args[1], args[2]))
    if node.function == "dyn" and len(args) == 1:
        return Part(1 + before, node.type, args[0].size, args[0].path, args[0].entry)
    if node.function in ("_[_]", "_[?_]"):
        return _index(node, before, args)
    price, size = _PRICES.get(node.function, _one)(given)
    entry = _both(args[0], args[1]) if node.function == "_+_" else None
    return Part(min(before + price, UNBOUNDED), node.type, size, entry=entry)


def _index(node: Call, before: int, args: list[Part]) -> Part:
    held = args[0]
    path = (*held.path, "@items" if held.type.name == "list" else "@values")
    # its size is looked up by the path where nothing else is known
    return Part(before + 1, node.type, held.entry[1] if held.entry is not None else None, path)


def _both(left: Part, right: Part) -> tuple[Size, Size] | None:
    if left.entry is None or right.entry is None:
        return None
    return left.entry[0].union(right.entry[0]), left.entry[1].union(right.entry[1])


def _scaled(amount: int, factor: float) -> int:
    return UNBOUNDED if amount >= UNBOUNDED else min(math.ceil(amount * factor), UNBOUNDED)


def _walk(size: Size, factor: float = _CHARACTER) -> int:
    return _scaled(size.most, factor)


def _one(given: _Given) -> _Answer:
    return 1, None


def _compared(given: _Given) -> _Answer:
    """Equality: as far as the shorter of the two goes."""
    return _scaled(min(given.size(0).most, given.size(1).most), _CHARACTER), ONE


def _equal(given: _Given) -> _Answer:
    kind = given.args[0].type
    if kind == given.args[1].type and kind.name.startswith(("net.", "kubernetes.")):
        return 1, ONE
    return _compared(given)


def _ordered(given: _Given) -> _Answer:
    kinds = {arg.type.name for arg in given.args}
    if kinds & {"string", "bytes"} or "dyn" in kinds:
        return max(_compared(given)[0], 1 if "dyn" in kinds else 0), ONE
    return 1, ONE


def _added(given: _Given) -> _Answer:
    kinds, size = {arg.type.name for arg in given.args}, given.size(0).plus(given.size(1))
    if kinds & {"string", "bytes"} or kinds == {"dyn"}:
        return max(_walk(size), 1 if "dyn" in kinds else 0), size
    return 1, size if "list" in kinds else None


def _contained(given: _Given) -> _Answer:
    return (given.size(1).most if given.args[1].type.name != "map" else 1), ONE


def _searched(given: _Given) -> _Answer:
    if given.target is None:
        return 1, None
    return _walk(given.owner) * _walk(given.size(0)), ONE


def _matched(given: _Given) -> _Answer:
    if given.target is None:
        return 1, ONE
    return _walk(given.owner.plus(ONE)) * _walk(given.size(0), _PATTERN), ONE


def _found(given: _Given) -> _Answer:
    return _matched(given)[0], Size(0, given.owner.most)


def _prefix(given: _Given) -> _Answer:
    return _walk(given.size(0)), ONE


def _kept(given: _Given) -> _Answer:
    """A walk over the target, whose size stays what it is at most."""
    return (1, None) if given.target is None else (_walk(given.owner), given.owner)


def _parsed(given: _Given) -> _Answer:
    return _walk(given.size(0)), given.size(0)


def _each(given: _Given) -> _Answer:
    """A look at each item of a list, or a walk over a string."""
    target = given.target
    if target is None:
        return 1, None
    if target.type.name != "list":
        return _walk(given.owner), None
    price = 1
    if target.type.params and target.type.params[0].name in ("string", "bytes"):
        price += _walk(_item(given, target))
    return given.owner.most * price, None


def _item(given: _Given, target: Part) -> Size:
    return (given.at((*target.path, "@items")) if target.path else None) or UNKNOWN


def _joined(given: _Given) -> _Answer:
    if given.target is None:
        return 1, None
    count = given.owner
    size = count.times(_item(given, given.target))
    if given.args:
        size = size.plus(given.size(0).times(Size(max(count.least - 1, 0), max(count.most - 1, 0))))
    return _walk(size), size


def _split(given: _Given) -> _Answer:
    if given.target is None:
        return 1, None
    most = given.owner.most
    if len(given.args) > 1 and isinstance(given.args[1].literal, int):
        most = given.args[1].literal % (UNBOUNDED + 1)
    return _walk(given.owner, 2 * _CHARACTER), Size(0, most)


def _replaced(given: _Given) -> _Answer:
    if given.target is None or len(given.args) < 2:
        return 1, None
    size, old, new = given.owner, given.size(0), given.size(1)
    if old.least == 0:
        most = min((min(size.most + 1, UNBOUNDED)) * new.most + size.most, UNBOUNDED)
    elif new.most <= old.least:
        most = size.most
    else:
        most = min(math.ceil(size.most / old.least) * new.most, UNBOUNDED)
    return _walk(size, 2 * _CHARACTER), Size(0, most)


def _sets(factor: int) -> Callable[[_Given], _Answer]:
    return lambda given: (min(given.size(0).most * given.size(1).most * factor + 1, UNBOUNDED), ONE)


def _fixed(price: int) -> Callable[[_Given], _Answer]:
    return lambda given: (price, None)


def _text(given: _Given) -> _Answer:
    """`string(bytes)` and `bytes(string)` walk over what they turn; anything else is turned at once."""
    kind, size = given.args[0].type.name, given.size(0)
    if given.function == "string" and kind == "bytes":
        return _walk(size), Size(size.least // 4, size.most)
    if given.function == "bytes" and kind == "string":
        return _walk(size), Size(size.least, min(size.most * 4, UNBOUNDED))
    return 1, None


def _inside(given: _Given) -> _Answer:
    """Whether an address or a range is in a range: two addresses of up to 16 bytes, and a text is read first."""
    price = 4 if given.function == "containsIP" else 7
    text = given.args and given.args[0].type.name == "string"
    return (price + _walk(given.size(0)) if text else price), ONE


def _validated(given: _Given) -> _Answer:
    if given.target is None:
        return 1, None
    return _scaled(_walk(given.size(0)), _NAME_PATTERN * _PATTERN), None


_PRICES: dict[str, Callable[[_Given], _Answer]] = {
    "_==_": _equal, "_!=_": _compared, "_<_": _ordered, "_<=_": _ordered, "_>_": _ordered, "_>=_": _ordered,
    "_+_": _added, "@in": _contained, "contains": _searched, "matches": _matched, "find": _found, "findAll": _found,
    "startsWith": _prefix, "endsWith": _prefix, "string": _text, "bytes": _text, "format": _kept,
    "lowerAscii": _kept, "upperAscii": _kept, "substring": _kept, "trim": _kept, "replace": _replaced,
    "split": _split, "join": _joined, "isSorted": _each, "sum": _each, "max": _each, "min": _each, "indexOf": _each,
    "lastIndexOf": _each, "url": _parsed, "jsonpatch.escapeKey": _parsed, "strings.quote": _parsed,
    "fieldSelector": _parsed, "labelSelector": _parsed, "sets.contains": _sets(1), "sets.intersects": _sets(1),
    "sets.equivalent": _sets(2), "containsIP": _inside, "containsCIDR": _inside, "validate": _validated,
    "check": _fixed(_ASKED_AUTHORIZER),
}  # fmt: skip
