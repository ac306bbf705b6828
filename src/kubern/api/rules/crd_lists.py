"""The marks of lists and maps in a CustomResourceDefinition's schema: what is a set, what is a map, by which keys.

Called by `crd_schema`. What always holds: the keys of a map-list are scalar fields that every item has. Source: the Kubernetes
documentation, "Merge strategy" of server-side apply.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubern.api import field
from kubern.base.errors import Cause
from kubern.base.json import Obj

LIST, KEYS, MAP = "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"
_LIST_TYPES = ("atomic", "map", "set")
_MAP_TYPES = ("atomic", "granular")
_PARENT = "parent array's x-kubernetes-list-type is map"


def check_list(schema: Obj, path: str) -> Iterator[Cause]:
    """Yield what is wrong with the marks of one schema."""
    kind, keys = schema.get(LIST), schema.get(KEYS) or []
    if kind is not None:
        yield from _of_type(schema, path, "array", LIST)
        if kind not in _LIST_TYPES:
            yield field.not_supported(f"{path}.{LIST}", kind, _LIST_TYPES)
    if keys and kind != "map":
        message = f"must be map if {KEYS} is non-empty"
        yield (
            field.required(f"{path}.{LIST}", message)
            if kind is None
            else field.invalid(f"{path}.{LIST}", kind, message)
        )
    if kind == "map":
        yield from _map(schema, keys, path)
    if kind == "set" and isinstance(schema.get("items"), dict):
        yield from _set_items(schema["items"], f"{path}.items")
    if schema.get(MAP) is not None:
        yield from _of_type(schema, path, "object", MAP)
        if schema[MAP] not in _MAP_TYPES:
            yield field.not_supported(f"{path}.{MAP}", schema[MAP], _MAP_TYPES)


def _of_type(schema: Obj, path: str, wanted: str, mark: str) -> Iterator[Cause]:
    kind = schema.get("type") or ""
    if kind != wanted:
        message = f"must be {wanted} if {mark} is specified"
        yield field.invalid(f"{path}.type", kind, message) if kind else field.required(f"{path}.type", message)


def _set_items(items: Obj, path: str) -> Iterator[Cause]:
    """Yield what keeps items from being compared as wholes."""
    if items.get("nullable"):
        yield field.forbidden(f"{path}.nullable", "cannot be nullable when x-kubernetes-list-type is set")
    if items.get("type") == "object" and items.get(MAP) != "atomic":
        yield field.invalid(
            f"{path}.{MAP}",
            items.get(MAP),
            "must be atomic as item of a list with x-kubernetes-list-type=set",
        )
    if items.get("type") == "array" and items.get(LIST) not in (None, "atomic"):
        yield field.invalid(
            f"{path}.{LIST}", items[LIST], "must be atomic as item of a list with x-kubernetes-list-type=set"
        )


def _map(schema: Obj, keys: list[str], path: str) -> Iterator[Cause]:
    if not keys:
        yield field.required(f"{path}.{KEYS}", "must not be empty if x-kubernetes-list-type is map")
    items = schema.get("items")
    if not isinstance(items, dict):
        yield field.required(f"{path}.items", "must have a schema if x-kubernetes-list-type is map")
        return
    if items.get("type") != "object":
        yield field.invalid(f"{path}.items.type", items.get("type") or "", f"must be object if {_PARENT}")
    properties = items.get("properties") or {}
    for key in keys:
        if key not in properties:
            yield field.invalid(f"{path}.{KEYS}", keys, "entries must all be names of item properties")
        else:
            yield from _key(key, properties[key], items, f"{path}.items.properties[{key}]")
    if len(set(keys)) != len(keys):
        yield field.invalid(f"{path}.{KEYS}", keys, "must not contain duplicate entries")


def _key(key: str, one: Obj, items: Obj, path: str) -> Iterator[Cause]:
    if one.get("type") in ("array", "object"):
        yield field.invalid(f"{path}.type", one["type"], f"must be a scalar type if {_PARENT}")
    mark = f"this property is in {KEYS}, so it"
    if "default" not in one and key not in (items.get("required") or ()):
        yield field.required(f"{path}.default", f"{mark} must have a default or be a required property")
    if one.get("nullable"):
        yield field.forbidden(f"{path}.nullable", f"{mark} cannot be nullable")
