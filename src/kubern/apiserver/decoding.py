"""From a request's body to an object of a resource: decoded, checked against the schema, pruned and defaulted."""

from __future__ import annotations

from kubern.api import schema
from kubern.api.codec import ACCEPTED, PROTOBUF, protobuf, unsupported
from kubern.apiserver.body import decode, media_type, without_kind
from kubern.apiserver.call import Call
from kubern.apiserver.checking import check_kind
from kubern.apiserver.conversion import to_stored
from kubern.apiserver.core import Core
from kubern.apiserver.metadata import check_named, check_path
from kubern.apiserver.options import WriteOptions
from kubern.base.errors import BadRequest
from kubern.base.json import Obj


def read_object(core: Core, call: Call, options: WriteOptions, warnings: list[str]) -> Obj:
    """Return the object in the body, in its stored form. Raises `BadRequest`, `UnsupportedMediaType`; adds to `warnings`."""
    if media_type(call.request) == PROTOBUF and not protobuf().supports(call.resource.api_version, call.resource.kind):
        raise unsupported([media for media in ACCEPTED if media != PROTOBUF])
    obj, duplicates = decode(call.request, call.resource.kind)
    if call.resource.structural and not obj.get("kind"):
        raise without_kind(call.request, call.resource.kind)
    check_kind(obj, call.resource)
    settle(core, call, obj, options, warnings, duplicates)
    if call.info.verb == "update":
        check_named(obj, call.info.name)
    check_path(obj, call.resource, call.namespace, call.info.name)
    return obj


def settle_patched(
    core: Core, call: Call, new: Obj, options: WriteOptions, warnings: list[str], spec_is_stored: bool
) -> None:
    """Do what `settle` does to a patched object, but for a spec that is as it is stored: that has been through it already."""
    resource = call.resource
    if not spec_is_stored or resource.structural:
        settle(core, call, new, options, warnings)
        return
    rest = {key: value for key, value in new.items() if key != "spec"}
    _decode(core, call, rest, options, warnings)
    for key in [key for key in new if key != "spec" and key not in rest]:
        del new[key]
    new.update(rest)
    new.setdefault("metadata", {})
    if not resource.defaults_spec_alone:
        resource.default(new)


def settle(
    core: Core, call: Call, obj: Obj, options: WriteOptions, warnings: list[str], duplicates: list[str] | None = None
) -> None:
    """Check types, drop or refuse unknown and duplicate fields as fieldValidation says, and fill in the defaults.

    Defaults are the stored form's: an object of another version gets them when it is converted.
    """
    resource = call.resource
    _decode(core, call, obj, options, warnings, duplicates)
    obj.setdefault("metadata", {})  # conversions and defaults rely on it; a missing name is refused later
    if resource.stored:
        stored = core.storage(resource).resource
        to_stored(obj, resource, stored)
        if resource.conversion and not stored.structural:
            # a conversion moves what users write as text, in annotations, into fields
            schema.settle(core.schemas[stored.schema], obj, stored.kind, stored.version, "Ignore")
    resource.default(obj)


def _decode(
    core: Core, call: Call, obj: Obj, options: WriteOptions, warnings: list[str], duplicates: list[str] | None = None
) -> None:
    resource = call.resource
    metadata = obj.get("metadata")
    if not resource.structural and isinstance(metadata, dict) and metadata.get("managedFields") == []:
        metadata["managedFields"] = [{}]  # a reset, which the schema would drop with every other empty list
    found = schema.settle(
        resource.structural or core.schemas[resource.schema],
        obj,
        resource.kind,
        resource.version,
        options.field_validation,
        duplicates,
    )
    warnings += [text for text in found if text not in warnings]


def read_kind(core: Core, call: Call, definition: str, validation: str = "Warn") -> Obj:
    """Return the object in the body of a subresource that takes another kind than its object's.

    `definition` is the kind's name among the published ones, e.g. `io.k8s.api.policy.v1.Eviction`. Raises `BadRequest`.
    """
    *_, version, kind = definition.split(".")
    obj, duplicates = decode(call.request, kind)
    if obj.get("kind", kind) != kind:
        raise BadRequest(f'{obj["kind"]} in version "{obj.get("apiVersion")}" cannot be handled as a {kind}')
    schema.settle(core.schemas[definition], obj, kind, version, validation, duplicates)
    return obj
