"""JSON merge patch (RFC 7386): applying one, and making one out of two documents.

What always holds: neither document nor patch is changed; results share what was not touched.
"""

from __future__ import annotations

from typing import Any

from kubern.api.schema.json_patch import same
from kubern.base.json import Obj


def apply_merge_patch(document: Any, patch: Any) -> Any:
    """Return the document with the patch merged in."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply_merge_patch(result.get(key), value) if isinstance(value, dict) else value
    return result


def create_merge_patch(old: Obj, new: Obj) -> Obj:
    """Return the patch that turns `old` into `new`; neither may hold nulls, which such a patch cannot set."""
    patch: Obj = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if key in old and same(before, value):
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            patch[key] = create_merge_patch(before, value)
        else:
            patch[key] = value
    return patch
