"""IPAddress: its facts, checks and columns."""

from __future__ import annotations

import ipaddress

from kubern.api import field, names
from kubern.api.resource import Column, OtherVersion, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable, named
from kubern.api.rules.object_references import check_reference
from kubern.api.rules.values import at, part
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with an IPAddress."""
    parent, path = at(obj, "spec.parentRef"), "spec.parentRef"
    if parent is None:
        return [field.required(path, "")]
    causes = check_reference(parent, path, "resource", "group")
    namespace = parent.get("namespace")
    return causes + (named(namespace, f"{path}.namespace", names.path_segment) if namespace else [])


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: what the address is for."""
    return immutable(part(new, "spec").get("parentRef"), part(old, "spec").get("parentRef"), "spec.parentRef")


def validate_name(name: str) -> list[str]:
    """An address in its one canonical form."""
    try:
        address = str(ipaddress.ip_address(name))
    except ValueError:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return [] if address == name else [f'must be in canonical form ("{address}")']


def _parent(obj: Obj) -> str:
    found = at(obj, "spec.parentRef")
    if not found:
        return cells.NONE
    resource = f"{found.get('resource')}.{found['group']}" if found.get("group") else found.get("resource") or ""
    return "/".join(filter(None, (resource, found.get("namespace"), found.get("name"))))


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column("ParentRef", _parent, "What the address is taken by."),
    cells.AGE,
)


RESOURCE = Resource(
    group="networking.k8s.io",
    version="v1",
    kind="IPAddress",
    plural="ipaddresses",
    singular="ipaddress",
    namespaced=False,
    schema="io.k8s.api.networking.v1.IPAddress",
    other_versions=(OtherVersion("v1beta1", "io.k8s.api.networking.v1beta1.IPAddress"),),
    short_names=("ip",),
    columns=COLUMNS,
    validate=validate,
    validate_update=validate_update,
    validate_name=validate_name,
)
