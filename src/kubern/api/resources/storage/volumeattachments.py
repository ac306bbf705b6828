"""VolumeAttachment: its facts, checks and columns."""

from __future__ import annotations

from kubern.api import field
from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import given, immutable
from kubern.api.rules.values import part
from kubern.base.errors import Cause
from kubern.base.json import Obj


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
    return causes + given(spec, "nodeName", "spec.")


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: all that was asked for."""
    return immutable(new.get("spec"), old.get("spec"), "spec")


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
    validate_update=validate_update,
)
