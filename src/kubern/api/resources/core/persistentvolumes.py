"""PersistentVolume: storage that outlives pods."""

from __future__ import annotations

from posixpath import normpath
from typing import Any

from kubern.api import field, names
from kubern.api.podspec.check_scheduling import check_node_selector
from kubern.api.podspec.check_shares import check_persistent
from kubern.api.podspec.check_volumes import SOURCES, check_source
from kubern.api.podspec.update import difference
from kubern.api.podspec.volume_defaults import default_source
from kubern.api.resource import STATUS, Resource
from kubern.api.rules.cells import AGE, NAME, column, text
from kubern.api.rules.checks import one_of
from kubern.api.rules.quantities import store_maps
from kubern.api.rules.values import at, fill, fill_empty
from kubern.api.structs import VOLUME_NODE_AFFINITY, struct
from kubern.base.errors import Cause
from kubern.base.json import Obj
from kubern.base.quantity import canonical, parse

ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]
_SHORT_MODES = (
    ("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP"),
)  # fmt: skip
_EXPANDS = "controllerExpandSecretRef"
_CSI_SECRETS = ("controllerPublishSecretRef", _EXPANDS, "nodePublishSecretRef", "nodeExpandSecretRef")
_LATER: dict[Any, str] = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}
_MORE_THAN_ONE = "may not specify more than 1 volume type"


def _default(volume: Obj) -> None:
    spec = volume.setdefault("spec", {})
    fill_empty(spec, persistentVolumeReclaimPolicy="Retain")
    fill(spec, volumeMode="Filesystem")
    default_source(spec)
    store_maps(spec, "capacity")
    fill_empty(volume.setdefault("status", {}), phase="Pending")


def _prepare_create(volume: Obj) -> None:
    volume["status"] = {"phase": "Pending"}


def _validate(volume: Obj) -> list[Cause]:
    spec = volume.get("spec") or {}
    causes = check_access_modes(spec, "spec")
    causes += _check_capacity(spec.get("capacity") or {})
    causes += one_of(spec, "persistentVolumeReclaimPolicy", "spec.", ["Delete", "Recycle", "Retain"])
    causes += _check_affinity(spec.get("nodeAffinity"))
    causes += check_source(spec, "spec", "must specify a volume type", _MORE_THAN_ONE)
    causes += check_persistent(spec, volume["metadata"].get("name") or "", "spec")
    if spec.get("local") is not None and spec.get("nodeAffinity") is None:
        causes.append(field.required("spec.nodeAffinity", "Local volume requires node affinity"))
    causes += _check_csi(spec["csi"], "spec.csi") if spec.get("csi") is not None else []
    root = at(spec, "hostPath.path")
    if root and normpath(root) in ("/", "//") and spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        message = "may not be 'recycle' for a hostPath mount of '/'"
        causes.append(field.forbidden("spec.persistentVolumeReclaimPolicy", message))
    name = spec.get("storageClassName") or ""
    if name:
        causes += [field.invalid("spec.storageClassName", name, message) for message in names.dns1123_subdomain(name)]
    causes += one_of(spec, "volumeMode", "spec.", ["Block", "Filesystem"], needed=False)
    return causes + _check_attributes_class(spec)


def _check_affinity(affinity: Obj | None) -> list[Cause]:
    if affinity is None:
        return []
    path, required = "spec.nodeAffinity.required", affinity.get("required")
    if required is None:
        return [field.required(path, "must specify required node constraints")]
    return check_node_selector(required, path)


def _check_csi(source: Obj, path: str) -> list[Cause]:
    causes = [] if source.get("volumeHandle") else [field.required(f"{path}.volumeHandle")]
    for name in _CSI_SECRETS:
        if source.get(name) is not None:
            causes += _check_secret(source[name], f"{path}.{name}", known=name == "nodePublishSecretRef")
    return causes


def _check_secret(secret: Obj, path: str, *, known: bool) -> list[Cause]:
    """Check which secret a driver gets; that one is named is `known` where pods' volumes ask for it as well."""
    name, space, causes = secret.get("name") or "", secret.get("namespace") or "", list[Cause]()
    if name:
        causes += [] if known else [field.invalid(f"{path}.name", name, m) for m in names.dns1123_subdomain(name)]
    elif not known:
        causes.append(field.required(f"{path}.name"))
    if not space:
        return [*causes, field.required(f"{path}.namespace")]
    return causes + [field.invalid(f"{path}.namespace", space, message) for message in names.dns1123_label(space)]


def _check_attributes_class(spec: Obj) -> list[Cause]:
    name, path = spec.get("volumeAttributesClassName"), "spec.volumeAttributesClassName"
    if name is None:
        return []
    causes = (
        [field.invalid(path, name, message) for message in names.dns1123_subdomain(name)]
        if name
        else [field.required(path, "an empty string is disallowed")]
    )
    if spec.get("csi") is None:
        causes.append(field.required("spec.csi", "has to be specified when using volumeAttributesClassName"))
    return causes


def check_access_modes(spec: Obj, path: str, missing: str = "") -> list[Cause]:
    """Return what is wrong with the access modes of a volume or claim."""
    modes = spec.get("accessModes") or []
    if not modes:
        return [field.required(f"{path}.accessModes", missing)]
    causes = [
        field.not_supported(f"{path}.accessModes", mode, ACCESS_MODES) for mode in modes if mode not in ACCESS_MODES
    ]
    if "ReadWriteOncePod" in modes and len(set(modes)) > 1:
        message = "may not use ReadWriteOncePod with other access modes"
        causes.append(field.forbidden(f"{path}.accessModes", message))
    return causes


def _check_capacity(capacity: Obj) -> list[Cause]:
    if not capacity:
        return [field.required("spec.capacity"), field.not_supported("spec.capacity", None, ["storage"])]
    causes = [] if list(capacity) == ["storage"] else [field.not_supported("spec.capacity", capacity, ["storage"])]
    for name, size in capacity.items():
        here, amount = f"spec.capacity[{name}]", parse(size)
        if amount < 0:
            causes.append(field.invalid(here, amount.nano // 10**9, "must be a valid resource quantity"))
        if amount <= 0:
            causes.append(field.invalid(here, canonical(size), "must be greater than zero"))
    return causes


def _validate_update(new: Obj, old: Obj) -> list[Cause]:
    fresh, stored = new.get("spec") or {}, old.get("spec") or {}
    now = {name: value for name, value in fresh.items() if name in SOURCES}
    if _EXPANDS not in (stored.get("csi") or {_EXPANDS: None}) and "csi" in now:
        now["csi"] = {name: value for name, value in now["csi"].items() if name != _EXPANDS}  # may be set once
    before = {name: value for name, value in stored.items() if name in SOURCES}
    causes: list[Cause] = []
    if now != before:
        message = f"spec.persistentvolumesource is immutable after creation\n{difference(before, now)}"
        causes.append(field.forbidden("spec.persistentvolumesource", message))
    causes += field.immutable("volumeMode", fresh.get("volumeMode"), stored.get("volumeMode"))
    kept = stored.get("nodeAffinity")
    if kept is not None and not _same_nodes(fresh.get("nodeAffinity"), kept):
        message = f"{field.IMMUTABLE}, except for updating from beta label to GA"
        asked = fresh.get("nodeAffinity")
        causes.append(field.invalid("nodeAffinity", asked and struct(asked, VOLUME_NODE_AFFINITY), message))
    attributes = "volumeAttributesClassName"
    if stored.get(attributes) is not None and fresh.get(attributes) is None:
        causes.append(field.forbidden(f"spec.{attributes}", "update from non-nil value to nil is forbidden"))
    return causes


def _same_nodes(new: Any, old: Any) -> bool:
    """Tell whether two affinities are the same but for labels that have got their later names."""
    if isinstance(new, dict) and isinstance(old, dict):
        key, was = new.get("key"), old.get("key")
        renamed = key is not None and _LATER.get(was) == key
        return new.keys() == old.keys() and all(
            (name == "key" and renamed) or _same_nodes(value, old[name]) for name, value in new.items()
        )
    if isinstance(new, list) and isinstance(old, list):
        return len(new) == len(old) and all(map(_same_nodes, new, old))
    return bool(new == old)


def modes_text(modes: list[str] | None) -> str:
    """Return access modes in their short form: `RWO,ROX`."""
    return ",".join(short for mode, short in _SHORT_MODES if mode in (modes or ()))


def _claim(volume: Obj) -> str:
    claim = at(volume, "spec.claimRef")
    return f"{claim.get('namespace') or ''}/{claim.get('name') or ''}" if claim else ""


def storage_class(obj: Obj) -> str:
    """Return the storage class of a volume or claim: the annotation of old before the field."""
    annotations = at(obj, "metadata.annotations") or {}
    return annotations.get("volume.beta.kubernetes.io/storage-class") or at(obj, "spec.storageClassName") or ""


def phase_text(obj: Obj) -> str:
    """Return the phase of a volume or claim, `Terminating` once it is being deleted."""
    return "Terminating" if at(obj, "metadata.deletionTimestamp") else at(obj, "status.phase") or ""


CLASS = column("StorageClass", storage_class, "The class of its storage.")
ATTRIBUTES = text(
    "VolumeAttributesClass", "spec.volumeAttributesClassName", "The class of its attributes.", missing="<unset>"
)
VOLUME_MODE = text("VolumeMode", "spec.volumeMode", "A file system or a bare device.", missing="<unset>", wide=True)
_COLUMNS = (
    NAME,
    text("Capacity", "spec.capacity.storage", "How much it holds."),
    column("Access Modes", lambda volume: modes_text(at(volume, "spec.accessModes")), "How it may be mounted."),
    text("Reclaim Policy", "spec.persistentVolumeReclaimPolicy", "What becomes of it when its claim is gone."),
    column("Status", phase_text, "Its phase."),
    column("Claim", _claim, "The claim that it is bound to."),
    CLASS,
    ATTRIBUTES,
    text("Reason", "status.reason", "Why it is in this phase."),
    AGE,
    VOLUME_MODE,
)


RESOURCE = Resource(
    group="",
    version="v1",
    kind="PersistentVolume",
    plural="persistentvolumes",
    singular="persistentvolume",
    namespaced=False,
    schema="io.k8s.api.core.v1.PersistentVolume",
    short_names=("pv",),
    subresources=(STATUS,),
    columns=_COLUMNS,
    default=_default,
    prepare_create=_prepare_create,
    validate=_validate,
    validate_update=_validate_update,
    fields=lambda volume: {"name": volume["metadata"].get("name") or ""},
)
