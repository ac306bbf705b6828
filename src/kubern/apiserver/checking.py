"""Is an object well-formed: its kind, its metadata, and the refusal when it is not."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kubern.api.resource import Resource
from kubern.base.errors import BadRequest, Cause, Invalid
from kubern.base.json import Obj

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
SUBDOMAIN_MESSAGE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with "
    "an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def invalid(resource: Resource, name: str, causes: Sequence[Cause]) -> Invalid:
    """Return upstream's refusal: `Pod "x" is invalid: spec.containers: Required value`."""
    qualified = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    listed = [f"{cause.field}: {cause.message}" for cause in causes]
    text = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    return Invalid(
        f'{qualified} "{name}" is invalid: {text}', kind=resource.kind, group=resource.group, name=name, causes=causes
    )


def check_kind(obj: Obj, resource: Resource) -> None:
    """Fill in or check apiVersion and kind. Raises `BadRequest`."""
    kind, version = obj.get("kind") or resource.kind, obj.get("apiVersion") or resource.api_version
    if version != resource.api_version:
        raise BadRequest(
            f"the API version in the data ({version}) does not match the expected API version ({resource.api_version})"
        )
    if kind != resource.kind:
        raise BadRequest(f'{kind} in version "{version}" cannot be handled as a {resource.kind}')
    obj["kind"], obj["apiVersion"] = kind, version


def metadata_causes(obj: Obj, resource: Resource) -> list[Cause]:
    """Return what is wrong with an object's metadata."""
    metadata = obj["metadata"]
    name = metadata.get("name", "")
    if not name:
        return [Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")]
    messages = resource.validate_name(name) if resource.validate_name else _subdomain(name)
    return [Cause("FieldValueInvalid", f'Invalid value: "{name}": {message}', "metadata.name") for message in messages]


def _subdomain(name: str) -> list[str]:
    messages = [] if _SUBDOMAIN.fullmatch(name) else [SUBDOMAIN_MESSAGE]
    return messages + ([] if len(name) <= 253 else ["must be no more than 253 characters"])
