"""What an expression may cost at most, before it ever runs: from the checked tree and the shape of what it looks at.

Called for the rules of custom resources when their definition is written. Prices are those that `plan` counts, at the largest sizes that
the schema allows. What always holds: an estimate is a worst case, and nothing is evaluated for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kubern.api.cel import call_costs
from kubern.api.cel.call_costs import Part
from kubern.api.cel.sizes import ONE, UNBOUNDED, UNKNOWN, Shape, Size
from kubern.api.cel.syntax import Bind, Call, Fold, Ident, ListLiteral, Literal, MapLiteral, Node, ObjectLiteral, Select
from kubern.api.cel.types import Type

_LIST, _MAP, _OBJECT = 10, 30, 40
_SCALARS = ("bool", "int", "uint", "double", "google.protobuf.Timestamp", "google.protobuf.Duration")


class _Local(NamedTuple):
    path: tuple[str, ...]
    size: Size | None
    entry: tuple[Size, Size] | None


def estimate(root: Node, shape: Shape | None) -> int:
    """Return the most that one evaluation may cost; `shape` is that of `self`. At most `UNBOUNDED`."""
    return min(_Estimator(shape).visit(root).cost, UNBOUNDED)


class _Estimator:
    def __init__(self, shape: Shape | None) -> None:
        self._shape = shape
        self._locals: dict[int, _Local] = {}

    def visit(self, node: Node) -> Part:
        """Return what a node costs with all below it, and what is known of its value."""
        found = _VISITS[type(node)](self, node)
        if found.size is None:
            found = found._replace(size=self._size(node, found.path))
        return found

    def _size(self, node: Node, path: tuple[str, ...]) -> Size | None:
        below = self._shape.at(path[1:]) if path and self._shape is not None else None
        if below is not None:
            return Size(0, below.most)
        if _scalar(node.type):
            return ONE
        local = self._locals.get(node.slot) if isinstance(node, Ident) and node.slot is not None else None
        return local.size if local is not None else None

    def at(self, path: tuple[str, ...]) -> Size | None:
        """Return the size of what is found under a path."""
        below = self._shape.at(path[1:]) if path and self._shape is not None else None
        return None if below is None else Size(0, below.most)

    def literal(self, node: Literal) -> Part:
        value = node.value
        size = Size(len(value), len(value)) if isinstance(value, str | bytes) else ONE
        return Part(0, node.type, size, literal=value)

    def ident(self, node: Ident) -> Part:
        if node.slot is None:
            return Part(1, node.type, path=() if node.constant is not None else (node.name,))
        local = self._locals.get(node.slot, _Local((), None, None))
        return Part(1, node.type, path=local.path, entry=local.entry)

    def select(self, node: Select) -> Part:
        if node.whole is not None:
            return Part(1, node.type, path=(node.whole.name,))
        operand = self.visit(node.operand)
        if node.test:
            return Part(operand.cost, node.type, ONE)
        kind = node.operand.type
        price = 1 if node.optional or kind.name == "map" or kind.fields is not None or kind.open_fields else 0
        return Part(operand.cost + price, node.type, path=(*operand.path, node.key))

    def call(self, node: Call) -> Part:
        args = [self.visit(arg) for arg in node.args]
        target = self.visit(node.target) if node.target is not None else None
        return call_costs.call(node, target, args, self.at)

    def list(self, node: ListLiteral) -> Part:
        parts = [self.visit(item) for item in node.items]
        items = Size(0, 0)
        for number, part in enumerate(parts):
            items = (part.size or UNKNOWN) if number == 0 else items.union(part.size or UNKNOWN)
        cost = _LIST + sum(part.cost for part in parts)
        return Part(cost, node.type, Size(len(parts), len(parts)), entry=(ONE, items))

    def map(self, node: MapLiteral) -> Part:
        keys, values = [self.visit(one.key) for one in node.entries], [self.visit(one.value) for one in node.entries]
        sizes = [Size(0, 0), Size(0, 0)]
        for number, pair in enumerate(zip(keys, values, strict=True)):
            for which, part in enumerate(pair):
                size = part.size or UNKNOWN
                sizes[which] = size if number == 0 else sizes[which].union(size)
        cost = _MAP + sum(part.cost for part in (*keys, *values))
        return Part(cost, node.type, Size(len(keys), len(keys)), entry=(sizes[0], sizes[1]))

    def object(self, node: ObjectLiteral) -> Part:
        return Part(_OBJECT + sum(self.visit(one.value).cost for one in node.entries), node.type)

    def fold(self, node: Fold) -> Part:
        over = self.visit(node.over)
        self._name(node, over)
        where = self.visit(node.where).cost if node.where is not None else 0
        body = self.visit(node.body)
        first, each, last = _FOLDS[node.kind](where, body.cost, node.where is not None)
        count = over.size or UNKNOWN
        cost = min(over.cost + first + count.most * each + last, UNBOUNDED)
        if node.kind in ("all", "exists", "existsOne"):
            return Part(cost, node.type, ONE)
        item = self._item(over) if node.kind == "filter" else body.size
        return Part(cost, node.type, count, entry=(ONE, Size(0, (item or UNKNOWN).most)))

    def _item(self, over: Part) -> Size | None:
        if over.entry is not None:
            return over.entry[1]
        return self.at((*over.path, "@items"))

    def _name(self, node: Fold, over: Part) -> None:
        is_list = node.over.type.name == "list"
        entry = over.entry
        whole = (
            (("@indices", "@items") if is_list else ("@keys", "@values"))
            if len(node.slots) == 2
            else (("@items",) if is_list else ("@keys",))
        )
        for slot, step in zip(node.slots, whole, strict=True):
            size = None if entry is None else entry[0] if step in ("@keys", "@indices") else entry[1]
            self._locals[slot] = _Local((*over.path, step), size, None)

    def bind(self, node: Bind) -> Part:
        value = self.visit(node.value)
        path = (*value.path,)
        self._locals[node.slot] = _Local(path, value.size, value.entry)
        body = self.visit(node.body)
        if not node.optional:
            return Part(_LIST + value.cost + body.cost, node.type, body.size, entry=body.entry)
        # whether there is a value, and the value itself, are both asked of the target
        cost = 1 + value.cost + _LIST + 1 + value.cost + body.cost + (0 if node.flat else 1)
        return Part(cost, node.type, body.size, entry=body.entry)


def _scalar(kind: Type) -> bool:
    return kind.name in _SCALARS or (kind.name == "optional_type" and bool(kind.params) and _scalar(kind.params[0]))


def _quantifier(price: int) -> Callable[[int, int, bool], tuple[int, int, int]]:
    return lambda _where, body, _asked: (0, price + body, 1)


def _made(first: int, price: int) -> Callable[[int, int, bool], tuple[int, int, int]]:
    """A macro that makes a list or map: what it begins with, and the price of one more entry."""
    return lambda where, body, _asked: (first, where + price + body, 1)


_FOLDS: dict[str, Callable[[int, int, bool], tuple[int, int, int]]] = {
    "all": _quantifier(3),
    "exists": _quantifier(4),
    "existsOne": lambda _where, body, _asked: (0, body + 2, 2),
    "filter": lambda where, _body, _asked: (_LIST, where + 13, 1),
    "map": _made(_LIST, 12),
    "transformList": _made(_LIST, 12),
    "transformMap": _made(_MAP, 3),
    "transformMapEntry": _made(_MAP, 2),
}
"""By macro, from the costs of its condition and body: what it costs once before, for each item, and once after."""

_VISITS: dict[type[Node], Callable[[_Estimator, Any], Part]] = {
    Literal: _Estimator.literal, Ident: _Estimator.ident, Select: _Estimator.select, Call: _Estimator.call,
    ListLiteral: _Estimator.list, MapLiteral: _Estimator.map, ObjectLiteral: _Estimator.object, Fold: _Estimator.fold,
    Bind: _Estimator.bind,
}  # fmt: skip
