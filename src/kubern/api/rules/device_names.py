"""Names of drivers, pools, devices and their attributes (resource.k8s.io), and lists of which each has its limit. Wording is upstream's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from kubern.api import field, names
from kubern.api.rules.checks import named
from kubern.base.errors import Cause

_MAX_DRIVER, _MAX_POOL, _MAX_ID = 63, 253, 32
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Check = Callable[[Any, str], list[Cause]]


def bounded(
    values: Sequence[Any], maximum: int, path: str, check: Check, key: Callable[[Any], Any] | None = None
) -> list[Cause]:
    """Return what is wrong with a list of at most `maximum`; with a `key`, each may be there once. Too long a list is not looked into."""
    if len(values) > maximum:
        return [field.too_many(path, len(values), maximum)]
    causes = [cause for i, value in enumerate(values) for cause in check(value, f"{path}[{i}]")]
    seen: set[Any] = set()
    for i, value in enumerate(values if key else ()):
        found = key(value) if key else None
        if found in seen:
            causes.append(field.duplicate(f"{path}[{i}]", found))
        seen.add(found)
    return causes


def driver_name(name: str | None, path: str) -> list[Cause]:
    """Return what is wrong with a driver's name, which may have capitals."""
    if not name:
        return [field.required(path, "")]
    causes = [field.too_long(path, _MAX_DRIVER)] if len(name) > _MAX_DRIVER else []
    return causes + [field.invalid(path, name, message) for message in names.dns1123_subdomain(name.lower())]


def pool_name(name: str | None, path: str) -> list[Cause]:
    """Return what is wrong with a pool's name: subdomains with slashes between them."""
    if not name:
        return [field.required(path, "")]
    causes = [field.too_long(path, _MAX_POOL)] if len(name) > _MAX_POOL else []
    return causes + [cause for part in name.split("/") for cause in named(part, path, names.dns1123_subdomain)]


def qualified_name(name: str, path: str) -> list[Cause]:
    """Return what is wrong with the name of an attribute or a capacity: an identifier, perhaps of a domain."""
    domain, slash, own = name.partition("/")
    if not slash:
        return _identifier(name, path)
    if "/" in own:
        return [field.invalid(path, name, "must not contain more than one slash")]
    causes = driver_name(domain, path) if domain else [field.invalid(path, "", "the domain must not be empty")]
    return causes + (_identifier(own, path) if own else [field.invalid(path, "", "the name must not be empty")])


def fully_qualified_name(name: str, path: str) -> list[Cause]:
    """Return what is wrong with the name of an attribute that has to have its domain."""
    causes = qualified_name(name, path)
    if "/" not in name:
        message = "a fully qualified name must be a domain and a name separated by a slash"
        causes.append(field.invalid(path, name, message))
    return causes


def share_id(uid: str | None, path: str) -> list[Cause]:
    """Return what is wrong with the identity of a share; nothing where there is none."""
    if uid is None or _UID.fullmatch(uid):
        return []
    if not _UID.fullmatch(uid.lower()):
        detail = f"invalid UUID length: {len(uid)}" if len(uid) != 36 else "invalid UUID format"
        return [field.invalid(path, uid, f"error validating uid: {detail}")]
    form = "`xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`"
    return [
        field.invalid(
            path, uid, f"uid must be in RFC 4122 normalized form, {form} with lowercase hexadecimal characters"
        )
    ]


def _identifier(name: str, path: str) -> list[Cause]:
    causes = [field.too_long(path, _MAX_ID)] if len(name) > _MAX_ID else []
    return causes + named(name, path, names.c_identifier)
