"""Checks of the files that volumes make of ConfigMaps, Secrets and a pod's own fields. Called by the volume checks.

Paths and wording are upstream's; so is that a file of the downward API is not told by its number.
"""

from __future__ import annotations

from kubern.api import field
from kubern.api.podspec.check_env import VOLUME_FIELDS, check_field_ref, check_resource_field
from kubern.api.podspec.paths import local_path
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MODE = "must be a number between 0 and 0777 (octal), both inclusive"


def check_mode(mode: int | None, path: str) -> list[Cause]:
    """Return what is wrong with a file's mode."""
    return [] if mode is None or 0 <= mode <= 0o777 else [field.invalid(path, mode, _MODE)]


def check_keyed(source: Obj, path: str) -> list[Cause]:
    """Check a ConfigMap's or Secret's projection: its modes and which keys go where."""
    causes = check_mode(source.get("defaultMode"), f"{path}.defaultMode")
    return causes + [
        cause for i, item in enumerate(source.get("items") or ()) for cause in check_item(item, f"{path}.items[{i}]")
    ]


def check_item(item: Obj, path: str) -> list[Cause]:
    """Return what is wrong with one key and the file that it becomes."""
    causes = [] if item.get("key") else [field.required(f"{path}.key")]
    return causes + _check_path(item, path) + check_mode(item.get("mode"), f"{path}.mode")


def check_downward(source: Obj, path: str) -> list[Cause]:
    """Return what is wrong with the files of a pod's own fields."""
    causes = check_mode(source.get("defaultMode"), f"{path}.defaultMode")
    return causes + [cause for item in source.get("items") or () for cause in check_downward_item(item, path)]


def check_downward_item(item: Obj, path: str) -> list[Cause]:
    """Return what is wrong with one file: it holds a field, or a container's request or limit."""
    by_field, by_resource = item.get("fieldRef"), item.get("resourceFieldRef")
    causes = _check_path(item, path)
    if by_field is not None:
        causes += check_field_ref(by_field, f"{path}.fieldRef", VOLUME_FIELDS)
        if by_resource is not None:
            message = "fieldRef and resourceFieldRef can not be specified simultaneously"
            causes.append(field.invalid(path, "resource", message))
    elif by_resource is not None:
        causes += check_resource_field(by_resource, f"{path}.resourceFieldRef", True)
    else:
        causes.append(field.required(f"{path}", "one of fieldRef and resourceFieldRef is required"))
    return causes + check_mode(item.get("mode"), f"{path}.mode")


def _check_path(item: Obj, path: str) -> list[Cause]:
    target = item.get("path") or ""
    causes = [] if target else [field.required(f"{path}.path")]
    return causes + local_path(target, f"{path}.path")
