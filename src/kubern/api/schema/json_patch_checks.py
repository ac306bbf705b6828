"""Is a JSON Patch (RFC 6902) well-formed? Looked at as a whole before any operation is applied, and refused in upstream's words."""

from __future__ import annotations

from typing import Any

import orjson

from kubern.api.schema.patch_errors import MalformedPatch
from kubern.api.schema.slow import json_kind

_NEEDED = {
    "add": ("value", "path"), "replace": ("value", "path"), "remove": ("path",), "test": ("path",),
    "move": ("path", "from"), "copy": ("path", "from"),
}  # fmt: skip
_MISSING = {
    "value": "operation, missing value field", "from": "operation, missing from field", "path": "operation missing path field",
}  # fmt: skip


def check_operations(operations: Any) -> None:
    """Raise `MalformedPatch` for what is no list of operations, each with all that it needs."""
    if not isinstance(operations, list):
        raise _undecodable(f"{json_kind(operations)} into Go value of type []handlers.jsonPatchOp")
    for operation in operations:
        if operation is not None and not isinstance(operation, dict):
            raise _undecodable(f"{json_kind(operation)} into Go value of type handlers.jsonPatchOp")
        for name, value in (operation or {}).items():
            if name in ("op", "from", "path") and value is not None and not isinstance(value, str):
                raise _undecodable(f"{json_kind(value)} into Go struct field jsonPatchOp.{name} of type string")
    for operation in operations:
        _check(operation)


def _check(operation: Any) -> None:
    needed = _NEEDED.get((operation or {}).get("op") or "")
    if needed is None:
        raise MalformedPatch(f"invalid operation {_shown(operation)}: unsupported operation")
    for name in needed:
        if name not in operation:
            problem = f"failed to decode '{name}': {_MISSING[name]}: missing value"
            raise MalformedPatch(f"invalid operation {_shown(operation)}: {problem}")


def _shown(operation: Any) -> str:
    ordered = dict(sorted(operation.items())) if operation else operation
    text = orjson.dumps(ordered).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _undecodable(what: str) -> MalformedPatch:
    return MalformedPatch(f"error decoding patch: json: cannot unmarshal {what}")
