"""Text to tokens.

The parser calls `tokens`. What always holds: offsets are those of characters in the source, the last token is `<EOF>`, and what
is no token is an Issue, never an exception of Python's.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from kubern.api.cel.errors import CelError, Issue
from kubern.api.cel.values import UInt


class Token(NamedTuple):
    """One token. `kind` is `ident`, `literal`, `eof`, or the text of a mark or keyword itself."""

    kind: str
    text: str
    offset: int
    value: Any = None


RESERVED = frozenset(
    (
        *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop"),
        *("namespace", "null", "package", "return", "true", "var", "void", "while"),
    )
)
"""Words that no variable may be called; as a field's name after a dot most of them may be used."""

_KEYWORDS = {"true": True, "false": False, "null": None}
_SPACE = re.compile(r"(?:[ \t\r\n\f]+|//[^\n]*)+")
_IDENT = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_QUOTED_FIELD = re.compile(r"`[a-zA-Z0-9_.\-/ ]+`")
_EXPONENT = r"[eE][+-]?[0-9]+"
_NUMBER = re.compile(
    rf"0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+\.[0-9]+(?:{_EXPONENT})?|[0-9]+{_EXPONENT}|\.[0-9]+(?:{_EXPONENT})?)|[0-9]+[uU]?"
)
_STRING = re.compile(
    r"""([bB]?[rR]?|[rR][bB])(?:\"\"\"((?:[^\\]|\\.)*?)\"\"\"|'''((?:[^\\]|\\.)*?)'''|"((?:[^"\\\n\r]|\\.)*)"|'((?:[^'\\\n\r]|\\.)*)')""",
    re.DOTALL,
)
_RAW = re.compile(
    r"""([bB]?[rR]|[rR][bB])(?:\"\"\"(.*?)\"\"\"|'''(.*?)'''|"([^"\n\r]*)"|'([^'\n\r]*)')""",
    re.DOTALL,
)
_MARKS = ("==", "!=", "<=", ">=", "&&", "||", *"<>[](){}.,-!?:+*/%")
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|X([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", **{c: c for c in "\\?\"'`"}}


def tokens(source: str) -> list[Token]:
    """Return the tokens of `source`. Raises `CelError` where a character begins none."""
    found: list[Token] = []
    at = 0
    while True:
        space = _SPACE.match(source, at)
        at = space.end() if space else at
        if at >= len(source):
            found.append(Token("eof", "<EOF>", max(len(source), 0)))
            return found
        token, at = _next(source, at)
        found.append(token)


def _next(source: str, at: int) -> tuple[Token, int]:
    string = _RAW.match(source, at) or _STRING.match(source, at)
    if string:
        return Token("literal", string.group(), at, _string(source, at, string)), string.end()
    word = _IDENT.match(source, at)
    if word:
        text = word.group()
        if text in _KEYWORDS:
            return Token("literal", text, at, _KEYWORDS[text]), word.end()
        return Token("in" if text == "in" else "ident", text, at), word.end()
    number = _NUMBER.match(source, at)
    if number:
        return Token("literal", number.group(), at, _number(source, at, number.group())), number.end()
    quoted = _QUOTED_FIELD.match(source, at)
    if quoted:
        return Token("quoted", quoted.group()[1:-1], at), quoted.end()
    for mark in _MARKS:
        if source.startswith(mark, at):
            return Token(mark, mark, at), at + len(mark)
    rest = source[at] if source[at] not in "\"'" else source[at:].split("\n")[0]
    raise CelError(source, [Issue(at, f"Syntax error: token recognition error at: '{rest}'")])


def _number(source: str, at: int, text: str) -> Any:
    unsigned = text[-1] in "uU"
    digits = text[:-1] if unsigned else text
    if digits[:2] in ("0x", "0X"):
        value = int(digits, 16)
    elif digits.isdigit():
        # Python refuses to read very long decimals; any of 20 digits is out of range already
        value = int(digits.lstrip("0")[:21] or "0")
    else:
        return float(digits)
    if unsigned:
        if value >= 1 << 64:
            raise CelError(source, [Issue(at, "invalid uint literal")])
        return UInt(value)
    # one more than the largest: the parser takes it only behind a minus
    if value > 1 << 63:
        raise CelError(source, [Issue(at, "invalid int literal")])
    return value


def _string(source: str, at: int, match: re.Match[str]) -> str | bytes:
    prefix = match.group(1).lower()
    text = next(group for group in match.groups()[1:] if group is not None).replace("\r\n", "\n")
    if "r" in prefix:
        return text.encode() if "b" in prefix else text
    try:
        return _bytes(text) if "b" in prefix else _ESCAPE.sub(_text_escape, text)
    except ValueError as error:
        raise CelError(source, [Issue(at, str(error))]) from error


def _text_escape(match: re.Match[str]) -> str:
    hexadecimal = match.group(1) or match.group(2) or match.group(3) or match.group(4)
    if hexadecimal or match.group(5):
        code = int(hexadecimal, 16) if hexadecimal else int(match.group(5), 8)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise ValueError("invalid unicode code point")
        return chr(code)
    return _simple(match)


def _bytes(text: str) -> bytes:
    out, at = bytearray(), 0
    for match in _ESCAPE.finditer(text):
        out += text[at : match.start()].encode()
        at = match.end()
        hexadecimal = match.group(1) or match.group(2)
        if hexadecimal or match.group(5):
            out.append(int(hexadecimal, 16) if hexadecimal else int(match.group(5), 8))
        elif match.group(3) or match.group(4):
            raise ValueError("unable to unescape string")
        else:
            out += _simple(match).encode()
    return bytes(out + text[at:].encode())


def _simple(match: re.Match[str]) -> str:
    found = _SIMPLE.get(match.group(6))
    if found is None:
        raise ValueError("unable to unescape string")
    return found
