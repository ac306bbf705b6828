"""Field names that CEL cannot write, and how Kubernetes writes them instead: `foo-bar` is `foo__dash__bar`.

Source: the Kubernetes documentation of validation rules, "Escaping".
"""

from __future__ import annotations

import re

from kubern.api.cel.lexer import RESERVED

_WRITABLE = re.compile(r"[a-zA-Z_./-][a-zA-Z0-9_./-]*", re.ASCII)
_MARKS = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_MARK = re.compile(r"__|[./-]")


def escape(name: str) -> str:
    """Return a field's name as expressions write it; empty: it cannot be written."""
    if not _WRITABLE.fullmatch(name):
        return ""
    if name in RESERVED:
        return f"__{name}__"
    return _MARK.sub(lambda match: _MARKS[match.group()], name)
