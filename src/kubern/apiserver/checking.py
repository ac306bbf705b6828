"""Is an object what its path says, and the refusal when it is not valid."""

from __future__ import annotations

from collections.abc import Sequence

from kubern.api import field
from kubern.api.metadata import ACCESSORIES, check_accessories, check_metadata, check_unqualified
from kubern.api.resource import Resource, no_errors
from kubern.api.schema import Schemas
from kubern.base.errors import BadRequest, Cause, Invalid
from kubern.base.json import Obj

_ANY_FINALIZER = ("admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io")


def invalid(resource: Resource, name: str, causes: Sequence[Cause]) -> Invalid:
    """Return upstream's refusal: `Pod "x" is invalid: spec.containers: Required value`."""
    return field.invalid_error(resource.kind, resource.group, name, causes)


def check_kind(obj: Obj, resource: Resource) -> None:
    """Fill in or check apiVersion and kind, which a custom object always has. Raises `BadRequest`, `Invalid`."""
    custom = resource.structural is not None
    if custom and obj.get("apiVersion") == resource.api_version and obj.get("kind") != resource.kind:
        raise wrong_identity(obj, resource)
    if custom and not obj.get("apiVersion"):
        expected = f"does not match the expected API version ({resource.api_version})"
        raise BadRequest(f"the API version in the data () {expected}")
    kind, version = obj.get("kind") or resource.kind, obj.get("apiVersion") or resource.api_version
    if version != resource.api_version:
        raise BadRequest(
            f"the API version in the data ({version}) does not match the expected API version ({resource.api_version})"
        )
    if kind != resource.kind:
        raise BadRequest(f'{kind} in version "{version}" cannot be handled as a {resource.kind}')
    obj["kind"], obj["apiVersion"] = kind, version


def wrong_identity(obj: Obj, resource: Resource) -> Invalid:
    """Return the refusal of a custom object that says to be another kind's or version's, in whose name it is told."""
    version, kind = str(obj.get("apiVersion") or ""), str(obj.get("kind") or "")
    causes = []
    if kind != resource.kind:
        causes.append(field.invalid("kind", kind, f"must be {resource.kind}"))
    if version != resource.api_version:
        causes.append(field.invalid("apiVersion", version, f"must be {resource.api_version}"))
    group = version.partition("/")[0] if "/" in version else ""
    metadata = obj.get("metadata")
    name = metadata.get("name") or "" if isinstance(metadata, dict) else ""
    return field.invalid_error(kind, group, name, causes)


def new_causes(obj: Obj, resource: Resource, schemas: Schemas) -> list[Cause]:
    """Return what is wrong with a new object. A resource without checks of its own is held to its published schema."""
    causes = check_metadata(obj["metadata"], resource.namespaced, resource.validate_name)
    causes += finalizers_of(obj, resource)
    if resource.validate is no_errors:
        causes += schemas[resource.schema].missing(obj)
    return [*causes, *resource.validate(obj), *resource.validate_create(obj)]


def update_causes(new: Obj, old: Obj, resource: Resource) -> list[Cause]:
    """Return what is wrong with the metadata that an update may change; what is stored already was looked at then."""
    after, before = new["metadata"], old["metadata"]
    if all(after.get(key) == before.get(key) for key in ACCESSORIES):
        return []
    return [*check_accessories(after), *finalizers_of(new, resource)]


def finalizers_of(obj: Obj, resource: Resource) -> list[Cause]:
    """Return which finalizers are nobody's; objects of definitions, and those of these groups, may have any."""
    finalizers = obj["metadata"].get("finalizers")
    if not finalizers or resource.structural is not None or resource.group in _ANY_FINALIZER:
        return []
    return check_unqualified(finalizers, "metadata.finalizers")
