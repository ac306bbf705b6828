"""VolumeAttachment: its facts, checks and columns."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.podspec.check_volumes import check_source
from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import given, immutable, named
from kubern.api.rules.device_names import driver_name
from kubern.api.rules.values import part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MAX_METADATA, _MAX_ERROR = 256 * 1024, 1024


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a VolumeAttachment."""
    spec, path = part(obj, "spec"), "spec.source"
    causes = given(spec, "attacher", "spec.")
    source = part(spec, "source")
    inline, volume = source.get("inlineVolumeSpec"), source.get("persistentVolumeName")
    if inline is None and volume is None:
        message = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
        causes.append(field.required(path, message))
    elif inline is not None and volume is not None:
        message = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
        causes.append(field.forbidden(path, message))
    elif volume == "":
        causes.append(field.required(f"{path}.persistentVolumeName", "must specify non empty persistentVolumeName"))
    elif inline is not None:
        causes += check_source(inline, f"{path}.inlineVolumeSpec", "must specify a volume type")
    return causes + named(spec.get("nodeName"), "spec.nodeName", names.dns1123_subdomain)


def validate_create(obj: Obj) -> list[Cause]:
    """Return what only a new VolumeAttachment may not have: names that no driver or volume can have."""
    spec = part(obj, "spec")
    causes = driver_name(spec["attacher"], "spec.attacher") if spec.get("attacher") else []
    volume = part(spec, "source").get("persistentVolumeName")
    return causes + (named(volume, "spec.source.persistentVolumeName", names.dns1123_subdomain) if volume else [])


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: all that was asked for."""
    return immutable(new.get("spec"), old.get("spec"), "spec")


def validate_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with what the attacher says: too much of it."""
    status, causes = part(new, "status"), []
    told = status.get("attachmentMetadata") or {}
    if sum(len(key.encode()) + len(value.encode()) for key, value in told.items()) > _MAX_METADATA:
        causes.append(field.too_long("status.attachmentMetadata", _MAX_METADATA))
    for name in ("attachError", "detachError"):
        error, path = part(status, name), f"status.{name}"
        if len((error.get("message") or "").encode()) > _MAX_ERROR:
            causes.append(field.too_long(f"{path}.message", _MAX_METADATA))
        if (error.get("errorCode") or 0) < 0:
            message = "must be between 0 and 2147483647, inclusive"
            causes.append(field.invalid(f"{path}.errorCode", error["errorCode"], message))
    return causes


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("Attacher", "spec.attacher", "Who attaches the volume."),
    cells.text("PV", "spec.source.persistentVolumeName", "The volume."),
    cells.text("Node", "spec.nodeName", "The node."),
    cells.flag("Attached", "status.attached", "Whether the volume is attached."),
    cells.AGE,
)


RESOURCE = Resource(
    group="storage.k8s.io",
    version="v1",
    kind="VolumeAttachment",
    plural="volumeattachments",
    singular="volumeattachment",
    namespaced=False,
    schema="io.k8s.api.storage.v1.VolumeAttachment",
    subresources=(STATUS,),
    columns=COLUMNS,
    validate=validate,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
)
