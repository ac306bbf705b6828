"""Applying a patch document to an object: JSON Patch, JSON merge patch, strategic merge patch.

Called by the verb patch. What always holds: the object given is not changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonpatch
import jsonpointer
import orjson

from kubern.api.resource import Resource
from kubern.apiserver.body import load_json
from kubern.base.errors import BadRequest, Invalid, UnsupportedMediaType
from kubern.base.json import Obj

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
ACCEPTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH)
MOST_OPERATIONS = 10_000

Patch = Callable[[Obj], Obj]


def parse_patch(kind: str, body: bytes, resource: Resource, strategic: Callable[[Resource, Obj, Obj], Obj]) -> Patch:
    """Return the function that applies the patch in `body`. Raises `BadRequest`, `UnsupportedMediaType`."""
    if kind not in ACCEPTED:
        raise UnsupportedMediaType(
            f"the body of the request was in an unknown format - accepted media types include: {', '.join(ACCEPTED)}"
        )
    parsed = load_json(body)
    if kind == JSON_PATCH:
        return _json_patch(parsed)
    if not isinstance(parsed, dict):
        raise BadRequest("error decoding patch: json: cannot unmarshal into an object")
    if kind == MERGE_PATCH:
        return lambda obj: merge(obj, parsed)
    return lambda obj: strategic(resource, obj, parsed)


def _json_patch(operations: Any) -> Patch:
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise BadRequest("error decoding patch: json: cannot unmarshal into a list of operations")
    if len(operations) > MOST_OPERATIONS:
        raise BadRequest(f"The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {len(operations)}")

    def apply(obj: Obj) -> Obj:
        try:
            patched = jsonpatch.JsonPatch(operations).apply(_copy(obj))
        except (jsonpatch.InvalidJsonPatch, TypeError, KeyError) as error:
            raise BadRequest(f"error decoding patch: {error}") from error
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
            raise Invalid(f"the server rejected our request due to an error in our request: {error}") from error
        if not isinstance(patched, dict):
            raise BadRequest("error decoding patch: the result is not an object")
        return patched

    return apply


def merge(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def _copy(obj: Obj) -> Obj:
    copied: Obj = orjson.loads(orjson.dumps(obj))
    return copied
