"""StorageClass: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import given, immutable, named, one_of
from kubern.api.rules.class_parameters import check_parameters
from kubern.api.rules.values import fill, items
from kubern.base.errors import Cause
from kubern.base.json import Obj

DEFAULT_ANNOTATIONS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
_FIXED = ("parameters", "provisioner", "reclaimPolicy")


def default(obj: Obj) -> None:
    """Fill a StorageClass: volumes are made at once and deleted with their claim."""
    fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a StorageClass."""
    causes = given(obj, "provisioner", "")
    if obj.get("provisioner"):
        causes += named(obj["provisioner"].lower(), "provisioner", names.qualified_name)
    causes += check_parameters(obj.get("parameters") or {})
    for i, term in items(obj, "allowedTopologies"):
        causes += _check_term(term, f"allowedTopologies[{i}].matchLabelExpressions")
    causes += one_of(obj, "reclaimPolicy", "", ("Delete", "Retain"))
    return causes + one_of(obj, "volumeBindingMode", "", ("Immediate", "WaitForFirstConsumer"))


def _check_term(term: Obj, path: str) -> list[Cause]:
    """Check where volumes may be: labels, each once, with values, each once."""
    causes, keys = [], set()
    for i, one in items(term, "matchLabelExpressions"):
        key, values, here = one.get("key") or "", one.get("values") or [], f"{path}[{i}]"
        if not values:
            causes.append(field.required(f"{here}.values"))
        causes += [
            field.duplicate(f"{here}.values[{j}]", value) for j, value in enumerate(values) if value in values[:j]
        ]
        causes += named(key, f"{here}.key", names.qualified_name)
        if key in keys:
            causes.append(field.duplicate(f"{here}.key", key))
        keys.add(key)
    return causes


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: everything that made the volumes what they are."""
    causes = [
        field.forbidden(name, f"updates to {name} are forbidden.") for name in _FIXED if new.get(name) != old.get(name)
    ]
    return causes + immutable(new.get("volumeBindingMode"), old.get("volumeBindingMode"), "volumeBindingMode")


def is_default(obj: Obj) -> bool:
    """Whether claims that name no class get this one."""
    annotations = obj["metadata"].get("annotations") or {}
    return any(annotations.get(name) == "true" for name in DEFAULT_ANNOTATIONS)


def _name(obj: Obj) -> str:
    return f"{obj['metadata'].get('name')}{' (default)' if is_default(obj) else ''}"


COLUMNS: tuple[Column, ...] = (
    cells.NAME._replace(cell=lambda obj, now: _name(obj)),
    cells.text("Provisioner", "provisioner", "Who makes its volumes."),
    cells.text("ReclaimPolicy", "reclaimPolicy", "What becomes of a volume after its claim.", missing="Delete"),
    cells.text("VolumeBindingMode", "volumeBindingMode", "When a volume is made.", missing="Immediate"),
    cells.flag("AllowVolumeExpansion", "allowVolumeExpansion", "Whether volumes may grow."),
    cells.AGE,
)


RESOURCE = Resource(
    group="storage.k8s.io",
    version="v1",
    kind="StorageClass",
    plural="storageclasses",
    singular="storageclass",
    namespaced=False,
    schema="io.k8s.api.storage.v1.StorageClass",
    short_names=("sc",),
    columns=COLUMNS,
    default=default,
    validate=validate,
    validate_update=validate_update,
)
