"""What a review of access may ask: one thing, of somebody, and of its own namespace if it is local to one. Wording is upstream's."""

from __future__ import annotations

from kubern.api import field
from kubern.api.structs import NON_RESOURCE_ATTRIBUTES, struct
from kubern.base.errors import Cause
from kubern.base.json import Obj

_EITHER = "exactly one of nonResourceAttributes or resourceAttributes must be specified"


def check_question(spec: Obj) -> list[Cause]:
    """Return what is wrong with what a review asks."""
    resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and other is not None:
        message = "cannot be specified in combination with resourceAttributes"
        return [field.invalid("spec.nonResourceAttributes", struct(other, NON_RESOURCE_ATTRIBUTES), message)]
    return (
        [] if resource is not None or other is not None else [field.invalid("spec.resourceAttributes", None, _EITHER)]
    )


def check_user(spec: Obj) -> list[Cause]:
    """Return what is wrong with whom a review asks about."""
    if spec.get("user") or spec.get("groups"):
        return []
    return [field.invalid("spec.user", "", "at least one of user or group must be specified")]


def check_metadata(metadata: Obj | None, *, local: bool = False) -> list[Cause]:
    """Return a cause for a review that says anything of itself but, if it is `local`, its namespace."""
    spared = {"managedFields", "namespace"} if local else {"managedFields"}
    if not any(value for name, value in (metadata or {}).items() if name not in spared):
        return []
    return [field.invalid("metadata", metadata, "must be empty except for namespace" if local else "must be empty")]


def check_local(spec: Obj, namespace: str) -> list[Cause]:
    """Return what a review of one namespace may not ask: about another one, or about what is in none."""
    causes: list[Cause] = []
    resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and (resource.get("namespace") or "") != namespace:
        told = resource.get("namespace") or ""
        causes.append(field.invalid("spec.resourceAttributes.namespace", told, "must match metadata.namespace"))
    if other is not None:
        asked = struct(other, NON_RESOURCE_ATTRIBUTES)
        causes.append(field.invalid("spec.nonResourceAttributes", asked, "disallowed on this kind of request"))
    return causes
