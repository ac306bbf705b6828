"""What a mutating policy's expressions make of an object: an applied configuration or a JSON patch, put over it.

Called by the plug-in MutatingAdmissionPolicy. Pure but for what the expressions ask. What always holds: the object given is not changed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from kubern.api.apply.shapes import MapShape, Shape
from kubern.api.cel import Budget, Program
from kubern.api.cel.instants import write_duration, write_timestamp
from kubern.api.cel.values import Duration, Optional, Timestamp
from kubern.api.schema.json_patch import apply_json_patch
from kubern.api.schema.patch_errors import MalformedPatch, PatchFailed
from kubern.apiserver.policies.conditions import EvaluationFailed, value_of
from kubern.base.json import Obj


def mutated(program: Program, kind: str, obj: Obj, known: Mapping[str, Any], budget: Budget, shape: MapShape) -> Obj:
    """Return the object with one mutation of `kind` (`ApplyConfiguration`, `JSONPatch`) made. Raises `EvaluationFailed`."""
    value = plain(value_of(program, known, budget))
    if kind == "JSONPatch":
        return _patched(obj, value)
    if not isinstance(value, dict):
        raise EvaluationFailed("error applying patch: the configuration is not an object")
    _check_atoms(shape, value, "")
    merged: Obj = shape.merge(obj, value)
    return merged


def _patched(obj: Obj, operations: Any) -> Obj:
    try:
        patched = apply_json_patch(obj, operations)
    except PatchFailed as error:
        raise EvaluationFailed(f"JSON Patch: {error.detail}") from error
    except MalformedPatch as error:
        raise EvaluationFailed(f"JSON Patch: {error}") from error
    if not isinstance(patched, dict) or not isinstance(patched.get("metadata"), dict):
        raise EvaluationFailed("JSON Patch: the result is not an object")
    return patched


def _check_atoms(shape: Shape, value: Any, path: str) -> None:
    """Refuse a configuration that would replace a whole atomic list, map or struct: it cannot know what is in it."""
    if not isinstance(shape, MapShape):
        if isinstance(value, dict | list) and type(shape) is Shape:
            raise EvaluationFailed(
                f"error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {path}"
            )
        return
    for key, inner in value.items() if isinstance(value, dict) else ():
        _check_atoms(shape.child(key), inner, f"{path}.{key}")


def plain(value: Any) -> Any:
    """Return what an expression gave as JSON: times and durations as text, bytes in base64, absent optionals left out."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items() if not _absent(one)}
    if isinstance(value, list):
        return [plain(one) for one in value if not _absent(one)]
    if isinstance(value, Optional):
        return plain(value.value)
    if isinstance(value, Timestamp):
        return write_timestamp(value)
    if isinstance(value, Duration):
        return write_duration(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _absent(value: Any) -> bool:
    return isinstance(value, Optional) and not value.present
