"""Regular expressions from outside: RE2's, which need time in proportion to the text whatever the pattern, refused in Go's words."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_MOST_MEMORY = 8 << 20
_GO = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "invalid repetition size": "invalid repeat count",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
}
"""What Go's package says where RE2 says another thing; the rest they say alike."""


@lru_cache(maxsize=512)
def compile_re2(text: str) -> Any:
    """Return a compiled pattern, which has `search` and `finditer` as `re` has. Raises `ValueError` for one that RE2 does not know."""
    import re2  # loaded by those who use it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    try:
        return re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        what, _, where = reason.partition(": ")
        raise ValueError(f"error parsing regexp: {_GO.get(what, what)}" + (f": `{where}`" if where else "")) from error
