"""What mutating admission policies need to write JSON Patches."""

from __future__ import annotations

from kubern.api.cel.library import Library, overloads, walk

LIBRARY = Library(
    "jsonpatch",
    overloads({"jsonpatch.escapeKey(string): string": lambda key: key.replace("~", "~0").replace("/", "~1")}, walk),
)
