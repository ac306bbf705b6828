"""What one mutation of a policy makes of an object: its expression evaluated, and the JSON Patch or the configuration applied.

Called by the plug-in of the mutating policies, once CEL is needed. What always holds: the object that is handed in is not changed.
"""

from __future__ import annotations

from typing import Any

import orjson

from kubern.api.apply.atomics import atomics
from kubern.api.apply.map_shape import MapShape
from kubern.api.apply.shape import Unfit
from kubern.api.cel import CelEvaluationError, Program
from kubern.api.cel.json_values import misnamed, to_json
from kubern.api.cel.values import ObjectValue
from kubern.api.resource import Resource
from kubern.api.schema import WrongType
from kubern.api.schema.compile import Decoder
from kubern.api.schema.json_patch import apply_json_patch
from kubern.api.schema.patch_errors import MalformedPatch, PatchFailed, ValueNotFound
from kubern.apiserver.admission_chain import Attributes
from kubern.apiserver.policies.compiled import Compiled
from kubern.apiserver.policies.conditions import COMPILE_ERROR, INVALID_ERROR
from kubern.base.errors import InternalError, ServiceUnavailable
from kubern.base.json import Obj


class MutationFailed(Exception):
    """A mutation cannot be made: failurePolicy says what becomes of the request. `kind` is what metrics call it."""

    def __init__(self, message: str, kind: str = INVALID_ERROR) -> None:
        super().__init__(message)
        self.kind = kind


class Mutation:
    """One of a policy's mutations. `program` is its expression."""

    def __init__(self, policy: Compiled, index: int, mutation: Obj) -> None:
        self._kind = mutation.get("patchType")
        self._path = (
            f"spec.mutations[{index}].{'jsonPatch' if self._kind == 'JSONPatch' else 'applyConfiguration'}.expression"
        )
        self._policy = policy

    @property
    def program(self) -> Program:
        """The compiled expression. Raises `MutationFailed` when it does not compile."""
        program = self._policy.programs.at(self._path)
        if program is None:
            raise MutationFailed(self._policy.problem(self._path), COMPILE_ERROR)
        return program

    @property
    def strict(self) -> bool:
        """Whether fields that a built-in kind does not have are refused, not dropped."""
        return self._kind == "JSONPatch"

    def apply(self, value: Any, obj: Obj, attributes: Attributes, matched: Resource) -> Obj | None:
        """Return the object changed as the expression's value says; None: not at all. Raises `MutationFailed`, and `StatusError` for
        what no failurePolicy pardons."""
        try:
            if self._kind == "JSONPatch":
                return _patched(value, obj)
            return _configured(value, obj, attributes, matched)
        except CelEvaluationError as error:
            raise MutationFailed(str(error)) from error


def _patched(value: Any, obj: Obj) -> Obj | None:
    if not isinstance(value, list):
        raise MutationFailed("type mismatch: JSONPatchType.expression should evaluate to array")
    try:
        patched: Obj = apply_json_patch(obj, [_operation(item) for item in value])
    except ValueNotFound:
        return None
    except PatchFailed as error:
        raise MutationFailed(f"JSONPath: {error.detail}") from error
    except MalformedPatch as error:
        raise MutationFailed(f"JSONPath: {error}") from error
    if not isinstance(patched, dict) or not isinstance(patched.get("metadata"), dict):
        raise InternalError("Internal error occurred: the patched object is not an object")
    return patched


def _operation(item: Any) -> Obj:
    if not isinstance(item, ObjectValue) or item.type_name != "JSONPatch":
        raise MutationFailed("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch")
    operation: Obj = {"op": item.get("op", ""), "path": item.get("path", "")}
    if item.get("from"):
        operation["from"] = item["from"]
    if "value" in item:
        _check_names(item["value"])
        try:
            operation["value"] = to_json(item["value"])
        except CelEvaluationError as error:
            raise MutationFailed(
                f"JSONPath valueExpression evaluated to a type that could not marshal to JSON: {error}"
            ) from error
    return operation


def _check_names(value: Any) -> None:
    wrong = misnamed(value) if isinstance(value, ObjectValue) else ()
    if wrong:
        raise MutationFailed("type mismatch: " + "\n".join(wrong))


def _configured(value: Any, obj: Obj, attributes: Attributes, matched: Resource) -> Obj:
    if not isinstance(value, ObjectValue):
        raise MutationFailed("unsupported return type from ApplyConfiguration expression")
    if value.type_name != "Object":
        raise MutationFailed(f"must evaluate to Object but got {value.type_name}")
    _check_names(value)
    config = to_json(value) | {"apiVersion": obj.get("apiVersion"), "kind": obj.get("kind")}
    typed = orjson.loads(orjson.dumps(config))
    decoder, shape = _schema(attributes, matched)
    try:
        unknown = decoder.decode(typed)
        if unknown:
            raise Unfit(f".{unknown[0]}: field not declared in schema")
        shape.owned(typed, "")  # refuses items without keys, or with the same ones
    except (WrongType, Unfit) as error:
        raise MutationFailed(
            f"error applying patch: failed to convert patch object to typed object: {error}"
        ) from error
    replaced = list(atomics(shape, typed))
    if replaced:
        said = f"invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {', '.join(replaced)}"
        raise MutationFailed(f"error applying patch: {said}")
    merged: Obj = shape.merge(obj, typed)
    return merged


def _schema(attributes: Attributes, matched: Resource) -> tuple[Decoder, MapShape]:
    """Return what checks and what merges a configuration. Raises `ServiceUnavailable` for kinds without a schema."""
    core, kind = attributes.core, attributes.kind
    if kind is None:
        return matched.structural or core.schemas[matched.schema], core.managing.shape(matched)
    definition = core.schemas.definitions.by_kind.get(kind)
    if definition is None:
        said = "There can be a delay between when CustomResourceDefinitions are created and when they are available."
        shown = f"{kind.group}/{kind.version}, Kind={kind.kind}"
        raise ServiceUnavailable(f"Resource kind {shown} not found. {said}")
    return core.schemas[definition], core.managing.shape_of(definition)
