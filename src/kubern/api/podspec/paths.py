"""Checks of file paths inside volumes and containers. Called by the pod checks; wording is upstream's."""

from __future__ import annotations

from kubern.api import field
from kubern.base.errors import Cause


def descending_path(value: str, path: str) -> list[Cause]:
    """Return what is wrong with a path that must stay below where it starts; an empty one is fine."""
    causes: list[Cause] = []
    if value.startswith("/"):
        causes.append(field.invalid(path, value, "must be a relative path"))
    if ".." in value.split("/"):
        causes.append(field.invalid(path, value, "must not contain '..'"))
    return causes


def local_path(target: str, path: str) -> list[Cause]:
    """Return what is wrong with the name of a file inside a volume."""
    causes: list[Cause] = []
    if target.startswith("/"):
        causes.append(field.invalid(path, target, "must be a relative path"))
    if ".." in target.split("/"):
        causes.append(field.invalid(path, target, "must not contain '..'"))
    elif target.startswith(".."):
        causes.append(field.invalid(path, target, "must not start with '..'"))
    return causes
