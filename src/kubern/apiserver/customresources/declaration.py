"""From a CustomResourceDefinition to `Resource` declarations, one for each served version and the stored one.

Called by the registry. What always holds: the declarations depend on the definition's spec and accepted names alone; all versions
share the storage prefix `<group>/<plural>`, which is where upstream keeps them too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from kubern.api import field
from kubern.api.jsonpath import compile_path
from kubern.api.resource import SCALE, STATUS, Conversion, Resource, ScalePaths, Subresource, nothing
from kubern.api.rules.values import at, items, part
from kubern.api.schema import Schema, StructuralSchema
from kubern.apiserver.customresources.columns import columns_of
from kubern.apiserver.customresources.validation import checking, ratcheting, ratcheting_status
from kubern.base.errors import Cause, MethodNotAllowed
from kubern.base.json import Obj

if TYPE_CHECKING:
    from kubern.apiserver.conversion_webhook import Converter


class Declared(NamedTuple):
    """A definition's resources: those that are served, and the one whose form is stored (which may not be served)."""

    served: tuple[Resource, ...]
    stored: Resource


def prefix_of(crd: Obj) -> str:
    """Return the storage prefix of a definition's objects."""
    spec = crd["spec"]
    return f"{spec['group']}/{at(spec, 'names.plural')}"


def schema_name(group: str, version: str, kind: str) -> str:
    """Return the name of a kind's definition in OpenAPI documents: `com.example.v1.Widget`."""
    return ".".join([*reversed(group.split(".")), version, kind])


def declare(crd: Obj, meta: Schema, converter: Converter | None = None) -> Declared:
    """Return the resources of a definition whose names are accepted. `meta` is the schema of ObjectMeta.

    With a converter, objects of another version than the stored one are checked by their own schema when they come in, and everything
    after that sees the stored form.
    """
    resources = {version["name"]: _resource(crd, version, meta) for _, version in items(crd, "spec.versions")}
    if converter is not None:
        stored = next(resource for resource in resources.values() if resource.storage_version)
        resources = {name: one if one is stored else _asking(one, stored, converter) for name, one in resources.items()}
    served = tuple(resources[v["name"]] for _, v in items(crd, "spec.versions") if v.get("served"))
    stored = next(resources[v["name"]] for _, v in items(crd, "spec.versions") if v.get("storage"))
    return Declared(served, stored)


def _resource(crd: Obj, version: Obj, meta: Schema) -> Resource:
    spec, names = crd["spec"], part(crd, "status.acceptedNames") or crd["spec"]["names"]
    given = part(version, "subresources")
    structural = StructuralSchema(part(version, "schema.openAPIV3Schema"), meta)
    has_status, scale = "status" in given, _scale(given.get("scale"))
    return Resource(
        group=spec["group"],
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        singular=names.get("singular") or "",
        namespaced=spec.get("scope") == "Namespaced",
        schema=schema_name(spec["group"], version["name"], names["kind"]),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=_subresources(given),
        storage_version=bool(version.get("storage")),
        deprecated=_deprecation(spec, version, names["kind"]),
        generation=True,
        scale=scale,
        columns=columns_of(version.get("additionalPrinterColumns") or ()),
        default=structural.default,
        prepare_create=_refuse if crd["metadata"].get("deletionTimestamp") else nothing,
        prepare_update=_nothing_more if has_status else _count_status,
        prepare_status_update=_keep_metadata,
        validate=_checked_elsewhere,
        validate_create=checking(structural, scale),
        validate_update=ratcheting(structural, scale),
        validate_status_update=ratcheting_status(structural, scale),
        fields=_fields(version.get("selectableFields") or ()),
        list_kind=names.get("listKind") or "",
        structural=structural,
        storage_prefix=prefix_of(crd),
    )


def _deprecation(spec: Obj, version: Obj, kind: str) -> str:
    if not version.get("deprecated"):
        return ""
    return str(version.get("deprecationWarning") or f"{spec['group']}/{version['name']} {kind} is deprecated")


def _asking(resource: Resource, stored: Resource, converter: Converter) -> Resource:
    """Return a version's resource whose objects a webhook converts, in both directions."""
    structural = resource.structural
    assert structural is not None

    def to_storage(obj: Obj) -> None:
        structural.default(obj)
        causes = resource.validate_create(obj)
        if causes:
            raise field.invalid_error(resource.kind, resource.group, obj["metadata"].get("name", ""), causes)
        _become(obj, converter.convert(obj, stored.api_version))

    def from_storage(obj: Obj) -> None:
        _become(obj, converter.convert(obj, resource.api_version))
        structural.decode(obj)
        structural.default(obj)

    def prepare(objects: Sequence[Obj]) -> None:
        converter.prepare(objects, resource.api_version)

    return replace(
        resource,
        conversion=Conversion(to_storage, from_storage, prepare),
        scale=stored.scale,
        default=stored.default,
        prepare_update=stored.prepare_update,
        validate_create=stored.validate_create,
        validate_update=stored.validate_update,
        validate_status_update=stored.validate_status_update,
    )


def _become(obj: Obj, other: Obj) -> None:
    if other is not obj:
        obj.clear()
        obj.update(other)


def _subresources(given: Obj) -> tuple[Subresource, ...]:
    status = (STATUS,) if "status" in given else ()
    return (*status, SCALE) if given.get("scale") else status


def _scale(given: Obj | None) -> ScalePaths | None:
    if not given:
        return None
    return ScalePaths(
        given.get("specReplicasPath") or "", given.get("statusReplicasPath") or "", given.get("labelSelectorPath") or ""
    )


def _refuse(obj: Obj) -> None:
    """Take no new object while the definition waits for the last one to go."""
    raise MethodNotAllowed("create not allowed while custom resource definition is terminating")


def _nothing_more(new: Obj, old: Obj) -> None:
    """Leave the generation to the registry."""


def _count_status(new: Obj, old: Obj) -> None:
    """Count the generation up for a change of status too: without a path of its own it is like every other field."""
    if new.get("status") != old.get("status"):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def _keep_metadata(new: Obj, old: Obj) -> None:
    """Let `/status` change the status alone: a custom object's metadata stays, but for who manages which field."""
    kept = {key: value for key, value in old["metadata"].items() if key != "managedFields"}
    if "managedFields" in new["metadata"]:
        kept["managedFields"] = new["metadata"]["managedFields"]
    new["metadata"] = kept


def _checked_elsewhere(obj: Obj) -> list[Cause]:
    """Find nothing: a new object is checked as such, a changed one together with what it was."""
    return []


def _fields(declared: Sequence[Obj]) -> Callable[[Obj], Mapping[str, str]]:
    """Return what reads the selectable fields of an object; one that is absent counts as empty."""
    paths = {one["jsonPath"].removeprefix("."): compile_path(one["jsonPath"]) for one in declared}

    def fields(obj: Obj) -> Mapping[str, str]:
        found = {name: find(obj) for name, find in paths.items()}
        return {name: _plain(values[0]) if values else "" for name, values in found.items()}

    return fields


def _plain(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
