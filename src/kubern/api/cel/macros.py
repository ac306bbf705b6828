"""The macros: calls whose arguments are not evaluated as arguments.

`expand` is called by the parser with every call. A call that has a macro's name but another number of arguments is an ordinary call.
"""

from __future__ import annotations

from kubern.api.cel.syntax import Bind, Fold, Ident, Literal, Node, Select

_ONE_NAME = {
    "all": "all",
    "exists": "exists",
    "exists_one": "existsOne",
    "existsOne": "existsOne",
    "filter": "filter",
    "map": "map",
}
_TWO_NAMES = {"all", "exists", "existsOne", "exists_one", "transformList", "transformMap", "transformMapEntry"}


class MacroError(Exception):
    """A macro's arguments are not of the shape that it needs."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset


def expand(offset: int, name: str, args: list[Node], target: Node | None) -> Node | None:
    """Return the node of a macro, None when the call is none. Raises `MacroError`."""
    if target is None:
        return _has(offset, args[0]) if name == "has" and len(args) == 1 else None
    if name == "bind" and len(args) == 3 and isinstance(target, Ident) and target.name == "cel":
        return Bind(
            offset, _variable(args[0], "cel.bind() variable names must be simple identifiers"), args[1], args[2]
        )
    if name in ("optMap", "optFlatMap") and len(args) == 2:
        node = Bind(offset, _variable(args[0], f"{name}() variable name must be a simple identifier"), target, args[1])
        node.optional, node.flat = True, name == "optFlatMap"
        return node
    if name in _ONE_NAME and (len(args) == 2 or (name == "map" and len(args) == 3)):
        names = [_variable(args[0], "argument must be a simple name")]
        return _fold(offset, _ONE_NAME[name], target, names, args[1:])
    if name in _TWO_NAMES and (len(args) == 3 or (name.startswith("transform") and len(args) == 4)):
        names = [_variable(arg, "argument must be a simple name") for arg in args[:2]]
        if names[0] == names[1]:
            raise MacroError(args[1].offset, f"duplicate variable name: {names[0]}")
        return _fold(offset, _ONE_NAME.get(name, name), target, names, args[2:])
    return None


def _has(offset: int, arg: Node) -> Node:
    if not isinstance(arg, Select) or arg.test:
        raise MacroError(arg.offset, "invalid argument to has() macro")
    return Select(offset, arg.operand, arg.field, optional=False, test=True)


def _fold(offset: int, kind: str, over: Node, names: list[str], rest: list[Node]) -> Fold:
    node = Fold(offset, kind, over, names, rest[-1])
    if len(rest) == 2:
        node.where = rest[0]
    if kind == "filter":
        # what a filter makes of each item is the item itself
        node.where, node.body = rest[0], Literal(offset, True)
    return node


def _variable(node: Node, message: str) -> str:
    if not isinstance(node, Ident):
        raise MacroError(node.offset, message)
    return node.name
