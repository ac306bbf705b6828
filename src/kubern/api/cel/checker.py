"""Types: whether an expression fits its environment, and which overloads its calls may mean.

`check` is called by `compiler` and writes types and resolutions into the nodes. What always holds: all that is wrong is collected, not
only the first thing; what has been reported is of the type `*error*`, which fits everywhere, so that it is not reported again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubern.api.cel import types
from kubern.api.cel.environment import Environment, functions
from kubern.api.cel.errors import CelError, Issue
from kubern.api.cel.literals import literal_problem
from kubern.api.cel.syntax import (
    Bind,
    Call,
    Entry,
    Fold,
    Ident,
    ListLiteral,
    Literal,
    MapLiteral,
    Node,
    ObjectLiteral,
    Select,
)
from kubern.api.cel.types import BOOL, DYN, ERROR, INT, Bindings, Type
from kubern.api.cel.values import type_name

_LITERALS = {
    "bool": BOOL,
    "int": INT,
    "uint": types.UINT,
    "double": types.DOUBLE,
    "string": types.STRING,
    "bytes": types.BYTES,
}


def check(source: str, root: Node, environment: Environment) -> int:
    """Write types into the nodes and return how many slots the macros' variables need. Raises `CelError` with all that is wrong."""
    checker = _Checker(environment)
    root.type = checker.check(root)
    if checker.issues:
        raise CelError(source, checker.issues)
    checker.settle(root)
    return checker.slots


class _Checker:
    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._functions = functions()
        self._bindings = Bindings()
        self._scopes: list[tuple[str, int, Type]] = []
        self.issues: list[Issue] = []
        self.slots = 0
        self._checks: dict[type[Node], Callable[[Any], Type]] = {
            Literal: self._literal, Ident: self._ident, Select: self._select, Call: self._call, ListLiteral: self._list,
            MapLiteral: self._map, ObjectLiteral: self._object, Fold: self._fold, Bind: self._bind,
        }  # fmt: skip

    def check(self, node: Node) -> Type:
        found = node.type = self._checks[type(node)](node)
        return found

    def settle(self, root: Node) -> None:
        """Replace what is left of type variables: one that nothing says anything of is dyn."""
        waiting = [root]
        while waiting:
            node = waiting.pop()
            node.type = self._closed(node.type)
            waiting += node.children()

    def _closed(self, item: Type) -> Type:
        item = self._bindings.resolve(item)
        if item.variable:
            return DYN
        if item.params:
            return Type(item.name, tuple(map(self._closed, item.params)), convert=item.convert, bounds=item.bounds)
        return item

    def _report(self, offset: int, message: str) -> Type:
        self.issues.append(Issue(offset, message))
        return ERROR

    def _literal(self, node: Literal) -> Type:
        return _LITERALS.get(type_name(node.value), types.NULL)

    def _ident(self, node: Ident) -> Type:
        for name, slot, kind in reversed(self._scopes):
            if name == node.name:
                node.slot = slot
                return kind
        return self._global(node) or self._report(
            node.offset, f"undeclared reference to '{node.name}' (in container '')"
        )

    def _global(self, node: Ident) -> Type | None:
        kind = self._environment.variables.get(node.name)
        if kind is None and node.name in self._functions.constants:
            constant = node.constant = self._functions.constants[node.name]
            # the type of a type is written with it: type(int)
            named = types.NAMES.get(constant.name) or Type(constant.name)
            kind = Type("type", (named,))
        return kind

    def _select(self, node: Select) -> Type:
        if (name := _dotted(node)) and not node.test:
            first = name.split(".", 1)[0]
            shadowed = first in (scope[0] for scope in self._scopes)
            if not shadowed and (name in self._environment.variables or first not in self._environment.variables):
                whole = Ident(node.offset, name)
                if found := self._global(whole):
                    node.whole = whole
                    return found
        operand = self._bindings.resolve(self.check(node.operand))
        optional = node.optional
        if operand.name == "optional_type":
            operand, optional = self._bindings.resolve(operand.params[0]), True
        found = self._field(node, operand)
        if node.test:
            return BOOL
        return types.optional_of(found) if optional and found.name != "optional_type" else found

    def _field(self, node: Select, operand: Type) -> Type:
        if operand.fields is not None:
            known = operand.fields.get(node.field)
            if known:
                node.key = known.name
                return known.type
            return self._report(node.offset, f"undefined field '{node.field}'")
        if operand.name == "map":
            return operand.params[1]
        if operand.name in ("dyn", "*error*") or operand.variable or operand.open_fields:
            return DYN
        return self._report(node.offset, f"type '{operand}' does not support field selection")

    def _call(self, node: Call) -> Type:
        if node.function in ("_&&_", "_||_"):
            for arg in node.args:
                if not self._bindings.assignable([(BOOL, kind := self.check(arg))]):
                    self._mismatch(node, [self._bindings.resolve(kind), BOOL])
            return BOOL
        if node.function == "_?_:_":
            return self._conditional(node)
        if node.target is not None and (name := _dotted(node.target)) and self._qualified(node, name):
            node.target, node.function = None, f"{name}.{node.function}"
        given = [self.check(child) for child in node.children()]
        candidates = self._functions.overloads.get(node.function)
        if not candidates:
            return self._report(node.offset, f"undeclared reference to '{node.function}' (in container '')")
        problem = literal_problem(node)
        if problem:
            return self._report(node.args[-1].offset, problem)
        return self._resolve(node, given)

    def _qualified(self, node: Call, name: str) -> bool:
        first = name.split(".", 1)[0]
        return f"{name}.{node.function}" in self._functions.overloads and all(first != s[0] for s in self._scopes)

    def _conditional(self, node: Call) -> Type:
        condition, yes, no = (self.check(arg) for arg in node.args)
        result = self._bindings.fresh()
        if self._bindings.assignable([(BOOL, condition), (result, yes), (result, no)]):
            return self._joined(yes, no)
        return self._mismatch(node, [condition, yes, no])

    def _joined(self, one: Type, other: Type) -> Type:
        one, other = self._bindings.resolve(one), self._bindings.resolve(other)
        if one == other or one.name == "null_type":
            return other
        return DYN if "dyn" in (one.name, other.name) else one

    def _resolve(self, node: Call, given: list[Type]) -> Type:
        chosen, results = [], []
        for overload in self._functions.overloads[node.function]:
            if overload.member != (node.target is not None) or len(overload.params) != len(given):
                continue
            *params, result = self._bindings.instantiate((*overload.params, overload.result))
            if self._bindings.assignable(list(zip(params, given, strict=True))):
                chosen.append(overload)
                results.append(self._bindings.resolve(result))
        if not chosen:
            return self._mismatch(node, given)
        node.chosen = tuple(chosen)
        return results[0] if all(result == results[0] for result in results) else DYN

    def _mismatch(self, node: Call, given: list[Type]) -> Type:
        shown = [str(self._closed(kind)) for kind in given]
        applied = f"{shown[0]}.({', '.join(shown[1:])})" if node.target is not None else f"({', '.join(shown)})"
        return self._report(node.offset, f"found no matching overload for '{node.function}' applied to '{applied}'")

    def _list(self, node: ListLiteral) -> Type:
        return types.list_of(self._same([(item, i in node.optional) for i, item in enumerate(node.items)]))

    def _map(self, node: MapLiteral) -> Type:
        keys = self._same([(entry.key, False) for entry in node.entries])
        return types.map_of(keys, self._same([(entry.value, entry.optional) for entry in node.entries]))

    def _same(self, nodes: list[tuple[Node, bool]]) -> Type:
        """Return the one type that all have. Kubernetes asks lists and maps that are written out to be of one."""
        common = self._bindings.fresh()
        for node, optional in nodes:
            kind = self._item(node, optional)
            before = self._bindings.resolve(common)
            if not self._bindings.assignable([(common, kind)]):
                return self._report(
                    node.offset, f"expected type '{self._closed(before)}' but found '{self._closed(kind)}'"
                )
            common = self._joined(before, kind) if not before.variable else common
        return common

    def _item(self, node: Node, optional: bool) -> Type:
        kind = self.check(node)
        if not optional:
            return kind
        inner = self._bindings.fresh()
        if self._bindings.assignable([(types.optional_of(inner), kind)]):
            return inner
        return self._report(node.offset, f"expected type 'optional_type' but found '{self._closed(kind)}'")

    def _object(self, node: ObjectLiteral) -> Type:
        kind = self._environment.objects(node.name) if self._environment.objects else None
        if kind is None:
            return self._report(node.offset, f"undeclared reference to '{node.name}' (in container '')")
        for entry in node.entries:
            self._object_field(kind, entry)
        return kind

    def _object_field(self, kind: Type, entry: Entry) -> None:
        given = self._item(entry.value, entry.optional)
        name = entry.key.value if isinstance(entry.key, Literal) else ""
        known = (kind.fields or {}).get(name)
        wanted = known.type if known else DYN
        if kind.fields is not None and known is None:
            self._report(entry.offset, f"undefined field '{name}'")
        elif not self._bindings.assignable([(wanted, given)]):
            message = f"expected type of field '{name}' is '{self._closed(wanted)}' but provided type is '{self._closed(given)}'"
            self._report(entry.offset, message)

    def _fold(self, node: Fold) -> Type:
        first, second = self._range(node, self._bindings.resolve(self.check(node.over)))
        names = list(zip(node.names, (first, second), strict=False))
        depth = len(self._scopes)
        node.slots = tuple(self._open(name, kind) for name, kind in names)
        if node.where is not None:
            self._boolean(node.where)
        body = self.check(node.body)
        del self._scopes[depth:]
        if node.kind in ("all", "exists", "existsOne"):
            if not self._bindings.assignable([(BOOL, body)]):
                self._report(node.body.offset, f"expected type 'bool' but found '{self._closed(body)}'")
            return BOOL
        return self._collected(node, first, body)

    def _boolean(self, node: Node) -> None:
        kind = self.check(node)
        if not self._bindings.assignable([(BOOL, kind)]):
            self._report(node.offset, f"expected type 'bool' but found '{self._closed(kind)}'")

    def _collected(self, node: Fold, first: Type, body: Type) -> Type:
        if node.kind == "filter":
            return types.list_of(first)
        if node.kind == "transformMap":
            return types.map_of(first, body)
        if node.kind == "transformMapEntry":
            found = self._bindings.resolve(body)
            return found if found.name == "map" else types.map_of(DYN, DYN)
        return types.list_of(body)

    def _range(self, node: Fold, over: Type) -> tuple[Type, Type]:
        """Return the types of a macro's first and second variable."""
        two = len(node.names) == 2
        if over.name == "list":
            return (INT, over.params[0]) if two else (over.params[0], DYN)
        if over.name == "map":
            return over.params[0], over.params[1]
        if over.name not in ("dyn", "*error*") and not over.variable:
            said = "cannot be range of a comprehension (must be list, map, or dynamic)"
            self._report(node.over.offset, f"expression of type '{self._closed(over)}' {said}")
        return DYN, DYN

    def _open(self, name: str, kind: Type) -> int:
        slot, self.slots = self.slots, self.slots + 1
        self._scopes.append((name, slot, kind))
        return slot

    def _bind(self, node: Bind) -> Type:
        value = self.check(node.value)
        if node.optional:
            inner = self._bindings.fresh()
            if not self._bindings.assignable([(types.optional_of(inner), value)]):
                name = "optFlatMap" if node.flat else "optMap"
                return self._report(
                    node.offset, f"found no matching overload for '{name}' applied to '{self._closed(value)}.()'"
                )
            value = inner
        node.slot = self._open(node.name, value)
        body = self.check(node.body)
        self._scopes.pop()
        if (
            node.optional
            and node.flat
            and not self._bindings.assignable([(types.optional_of(self._bindings.fresh()), body)])
        ):
            return self._report(node.body.offset, f"expected type 'optional_type' but found '{self._closed(body)}'")
        return types.optional_of(body) if node.optional and not node.flat else body


def _dotted(node: Node) -> str:
    """Return `a.b.c` when a node is nothing but that."""
    if isinstance(node, Ident):
        return node.name
    if isinstance(node, Select) and not node.optional and not node.test and (before := _dotted(node.operand)):
        return f"{before}.{node.field}"
    return ""
