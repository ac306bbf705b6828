"""Reading a patch document: JSON Patch, JSON merge patch or strategic merge patch, by its content type.

Called by the verb patch and by `/scale`. What always holds: the object given to a patch is not changed.
"""

from __future__ import annotations

from collections.abc import Callable

from kubern.api.codec.cbor import APPLY_CBOR
from kubern.api.codec.json_body import BodyError, parse_json
from kubern.api.schema import Type
from kubern.api.schema.patch import apply_json_patch, apply_merge_patch, apply_strategic
from kubern.api.schema.slow import json_kind
from kubern.base.errors import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from kubern.base.json import Obj

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
APPLIES = (APPLY_PATCH, APPLY_CBOR)
ACCEPTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH)
MOST_OPERATIONS = 10_000

Patch = Callable[[Obj], Obj]


def parse_patch(kind: str, body: bytes, type: Type | None) -> Patch:
    """Return the function that applies the patch in `body` to an object of `type`; custom resources have none, and no strategic merge.

    Raises `UnsupportedMediaType`, `BadRequest` and `RequestEntityTooLarge`; the function raises what cannot be applied.
    """
    accepted = ACCEPTED if type else (JSON_PATCH, MERGE_PATCH)
    if kind not in accepted:
        raise UnsupportedMediaType(
            f"the body of the request was in an unknown format - accepted media types include: {', '.join((*accepted, APPLY_PATCH))}"
        )
    try:
        parsed = parse_json(body)
    except BodyError as error:
        raise BadRequest(f"error decoding patch: {str(error).rpartition('json parse error: ')[2]}") from error
    if kind == JSON_PATCH:
        if isinstance(parsed, list) and len(parsed) > MOST_OPERATIONS:
            text = f"The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {len(parsed)}"
            raise RequestEntityTooLarge(text)
        return lambda obj: _object(apply_json_patch(obj, parsed))
    if not isinstance(parsed, dict):
        into = f"cannot unmarshal {json_kind(parsed)} into Go value of type map[string]interface {{}}"
        raise BadRequest(f"error decoding patch: json: {into}")
    if kind == MERGE_PATCH:
        return lambda obj: _object(apply_merge_patch(obj, parsed))
    known = type
    return lambda obj: _object(apply_strategic(known, obj, parsed))


def _object(patched: object) -> Obj:
    if not isinstance(patched, dict):
        raise BadRequest("error decoding patch: the result is not an object")
    return patched
