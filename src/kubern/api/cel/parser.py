"""Tokens to nodes, by recursive descent.

`parse` is called by `compiler`. What always holds: whatever the text, the answer is a tree or a CelError; nesting is bounded, so that
neither the parser nor what walks its tree runs out of stack.
"""

from __future__ import annotations

from typing import NoReturn

from kubern.api.cel import macros
from kubern.api.cel.errors import CelError, Issue
from kubern.api.cel.lexer import RESERVED, Token, tokens
from kubern.api.cel.syntax import Call, Entry, Ident, ListLiteral, Literal, MapLiteral, Node, ObjectLiteral, Select
from kubern.api.cel.values import INT_MAX

MAX_NESTING, MAX_DEPTH, MAX_LENGTH = 80, 200, 100_000

_BINARY = {
    "<": (1, "_<_"), "<=": (1, "_<=_"), ">": (1, "_>_"), ">=": (1, "_>=_"), "==": (1, "_==_"), "!=": (1, "_!=_"),
    "in": (1, "@in"), "+": (2, "_+_"), "-": (2, "_-_"), "*": (3, "_*_"), "/": (3, "_/_"), "%": (3, "_%_"),
}  # fmt: skip
_STARTS = (
    "'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER"
)


def parse(source: str) -> Node:
    """Return the tree of an expression. Raises `CelError`."""
    if len(source) > MAX_LENGTH:
        message = f"expression code point size exceeds limit: size: {len(source)}, limit {MAX_LENGTH}"
        raise CelError(source[:80], [Issue(0, message)])
    parser = _Parser(source)
    node = parser.expression()
    if parser.token.kind != "eof":
        parser.fail(f"mismatched input '{parser.token.text}' expecting <EOF>")
    _check_depth(source, node)
    return node


def _check_depth(source: str, root: Node) -> None:
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise CelError(source, [Issue(0, f"expression recursion limit exceeded: {MAX_DEPTH}")])
        level = [child for node in level for child in node.children()]


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = tokens(source)
        self._at = 0
        self._nesting = 0
        self.token = self._tokens[0]

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        raise CelError(self._source, [Issue((token or self.token).offset, f"Syntax error: {message}")])

    def _refuse(self, offset: int, message: str) -> NoReturn:
        raise CelError(self._source, [Issue(offset, message)])

    def _take(self) -> Token:
        token = self.token
        if token.kind != "eof":
            self._at += 1
            self.token = self._tokens[self._at]
        return token

    def _accept(self, kind: str) -> Token | None:
        return self._take() if self.token.kind == kind else None

    def _expect(self, kind: str) -> Token:
        if self.token.kind != kind:
            wanted = "IDENTIFIER" if kind == "ident" else f"'{kind}'"
            problem = "missing" if self.token.kind == "eof" and kind in ")]}" else "mismatched input"
            if problem == "missing":
                self.fail(f"missing {wanted} at '{self.token.text}'")
            self.fail(f"mismatched input '{self.token.text}' expecting {wanted}")
        return self._take()

    def expression(self) -> Node:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            self._refuse(self.token.offset, f"expression recursion limit exceeded: {MAX_NESTING}")
        node = self._logical("||", "_||_")
        mark = self._accept("?")
        if mark:
            yes = self._logical("||", "_||_")
            self._expect(":")
            node = Call(mark.offset, "_?_:_", [node, yes, self.expression()])
        self._nesting -= 1
        return node

    def _logical(self, mark: str, function: str) -> Node:
        # a chain of any length is one node: a rule of 300 alternatives stays flat
        node = self._below(mark)
        terms, offset = [node], -1
        while token := self._accept(mark):
            offset = token.offset if offset < 0 else offset
            terms.append(self._below(mark))
        return Call(offset, function, terms) if len(terms) > 1 else node

    def _below(self, mark: str) -> Node:
        return self._logical("&&", "_&&_") if mark == "||" else self._binary(1)

    def _binary(self, level: int) -> Node:
        left = self._unary()
        while (found := _BINARY.get(self.token.kind)) and found[0] >= level:
            token = self._take()
            right = self._binary(found[0] + 1)
            left = Call(token.offset, found[1], [left, right])
        return left

    def _unary(self) -> Node:
        marks: list[Token] = []
        while self.token.kind in ("!", "-") and (not marks or marks[-1].kind == self.token.kind):
            marks.append(self._take())
        literal = self.token.value if self.token.kind == "literal" else None
        if marks and marks[-1].kind == "-" and type(literal) in (int, float):
            node = self._member(Literal(marks.pop().offset, -self._take().value))
        else:
            node = self._member(self._primary())
        # an even number of signs is none
        for mark in reversed(marks[: len(marks) % 2]):
            node = Call(mark.offset, "!_" if mark.kind == "!" else "-_", [node])
        return node

    def _member(self, node: Node) -> Node:
        while True:
            if dot := self._accept("."):
                node = self._after_dot(dot, node)
            elif bracket := self._accept("["):
                optional = self._accept("?")
                index = self.expression()
                self._expect("]")
                node = Call(bracket.offset, "_[?_]" if optional else "_[_]", [node, index])
            elif self.token.kind == "{" and (name := _dotted(node)):
                brace = self._take()
                node = ObjectLiteral(brace.offset, name, self._entries(fields=True))
            else:
                return node

    def _after_dot(self, dot: Token, node: Node) -> Node:
        optional = self._accept("?") is not None
        quoted = self._accept("quoted")
        name = quoted or self._expect("ident")
        if not optional and not quoted and (opened := self._accept("(")):
            return self._call(opened.offset, name.text, self._arguments(), node)
        return Select(dot.offset, node, name.text, optional=optional)

    def _call(self, offset: int, name: str, args: list[Node], target: Node | None) -> Node:
        try:
            return macros.expand(offset, name, args, target) or Call(offset, name, args, target)
        except macros.MacroError as error:
            self._refuse(error.offset, str(error))

    def _arguments(self) -> list[Node]:
        args: list[Node] = []
        while self.token.kind != ")":
            args.append(self.expression())
            if not self._accept(","):
                break
        self._expect(")")
        return args

    def _primary(self) -> Node:
        token = self._take()
        if token.kind == "literal":
            if type(token.value) is int and token.value > INT_MAX:
                self._refuse(token.offset, "invalid int literal")
            return Literal(token.offset, token.value)
        if token.kind == "ident":
            return self._name(token, token.text)
        if token.kind == "." and self.token.kind == "ident":
            return self._name(self._take(), self._tokens[self._at - 1].text)
        if token.kind == "(":
            node = self.expression()
            self._expect(")")
            return node
        if token.kind == "[":
            return self._list(token)
        if token.kind == "{":
            return MapLiteral(token.offset, self._entries(fields=False))
        problem = "mismatched" if token.kind == "eof" else "extraneous"
        return self.fail(f"{problem} input '{token.text}' expecting {{{_STARTS}}}", token)

    def _name(self, token: Token, name: str) -> Node:
        if opened := self._accept("("):
            return self._call(opened.offset, name, self._arguments(), None)
        if name in RESERVED:
            self._refuse(token.offset, f"reserved identifier: {name}")
        return Ident(token.offset, name)

    def _list(self, opened: Token) -> Node:
        items: list[Node] = []
        optional: set[int] = set()
        while self.token.kind != "]":
            if self._accept("?"):
                optional.add(len(items))
            items.append(self.expression())
            if not self._accept(","):
                break
        self._expect("]")
        return ListLiteral(opened.offset, items, frozenset(optional))

    def _entries(self, *, fields: bool) -> list[Entry]:
        entries: list[Entry] = []
        while self.token.kind != "}":
            optional = self._accept("?") is not None
            if fields:
                name = self._accept("quoted") or self._expect("ident")
                key: Node = Literal(name.offset, name.text)
            else:
                key = self.expression()
            colon = self._expect(":")
            entries.append(Entry(colon.offset, key, self.expression(), optional))
            if not self._accept(","):
                break
        self._expect("}")
        return entries


def _dotted(node: Node) -> str:
    """Return the name that an object literal's type has been written as; empty: this is none."""
    if isinstance(node, Ident):
        return node.name
    if isinstance(node, Select) and not node.optional and not node.test and (before := _dotted(node.operand)):
        return f"{before}.{node.field}"
    return ""
