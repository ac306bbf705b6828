"""PersistentVolumeClaim: a request for storage."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.podspec.update import difference
from kubern.api.resource import STATUS, Resource
from kubern.api.resources.core.persistentvolumes import (
    ATTRIBUTES,
    CLASS,
    VOLUME_MODE,
    check_access_modes,
    modes_text,
    phase_text,
)
from kubern.api.rules.cells import AGE, NAME, column, text
from kubern.api.rules.checks import one_of
from kubern.api.rules.quantities import store_maps
from kubern.api.rules.values import at, fill, fill_empty
from kubern.api.selectors import check_label_selector
from kubern.base.errors import Cause
from kubern.base.json import Obj
from kubern.base.quantity import canonical, parse

_SIZE = "spec.resources.requests.storage"
_MAY_CHANGE = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)
_ATTRIBUTES = "volumeAttributesClassName"
_NO_MODE = "at least 1 access mode is required"
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_RESIZING = (
    "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible",
    "NodeResizePending",
)  # fmt: skip
_SOURCES = (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot"))


def _default(claim: Obj) -> None:
    spec = claim.setdefault("spec", {})
    default_claim_spec(spec)
    store_maps(claim.get("status"), "capacity", "allocatedResources")
    fill_empty(claim.setdefault("status", {}), phase="Pending")


def default_claim_spec(spec: Obj) -> None:
    """Fill a claim's specification, in place; StatefulSets' claim templates use it too."""
    fill(spec, volumeMode="Filesystem", resources={})
    store_maps(spec["resources"], "limits", "requests")
    source = spec.get("dataSource")
    if source and (source.get("apiGroup") or "", source.get("kind")) not in _SOURCES:
        del spec["dataSource"]  # as clients of old expect; `dataSourceRef` takes any, and says so if it is wrong
        source = None
    if source and not spec.get("dataSourceRef"):
        spec["dataSourceRef"] = dict(source)
    elif spec.get("dataSourceRef") and not source and not spec["dataSourceRef"].get("namespace"):
        spec["dataSource"] = dict(spec["dataSourceRef"])


def _prepare_create(claim: Obj) -> None:
    claim["status"] = {"phase": "Pending"}


def _validate(claim: Obj) -> list[Cause]:
    return validate_claim_spec(claim.get("spec") or {}, "spec")


def validate_claim_spec(spec: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a claim's specification at `path`."""
    missing = [] if spec.get("accessModes") else [field.required(f"{path}.accessModes", _NO_MODE)]
    causes = missing + check_label_selector(spec.get("selector"), f"{path}.selector")
    causes += [] if missing else check_access_modes(spec, path)
    size = at(spec, "resources.requests.storage")
    if size is None:
        causes.append(field.required(f"{path}.resources[storage]"))
    elif parse(size) <= 0:
        causes.append(field.invalid(f"{path}.resources[storage]", canonical(size), "must be greater than zero"))
    causes += _check_class(spec, "storageClassName", path)
    causes += one_of(spec, "volumeMode", f"{path}.", ["Block", "Filesystem"], needed=False)
    for name in ("dataSource", "dataSourceRef"):
        if spec.get(name) is not None:
            causes += _check_data_source(spec[name], f"{path}.{name}")
    return causes + _check_same_source(spec, path) + _check_class(spec, _ATTRIBUTES, path)


def _check_class(spec: Obj, name: str, path: str) -> list[Cause]:
    value = spec.get(name)
    return [field.invalid(f"{path}.{name}", value, m) for m in names.dns1123_subdomain(value)] if value else []


def _check_data_source(source: Obj, path: str) -> list[Cause]:
    causes = [field.required(f"{path}.{name}") for name in ("name", "kind") if not source.get(name)]
    group, kind = source.get("apiGroup") or "", source.get("kind") or ""
    if not group and kind != "PersistentVolumeClaim":
        message = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        causes.append(field.invalid(path, kind, message))
    causes += [field.invalid(f"{path}.apiGroup", group, m) for m in names.dns1123_subdomain(group) if group]
    namespace = source.get("namespace") or ""
    return causes + [
        field.invalid(f"{path}.namespace", namespace, m) for m in names.dns1123_label(namespace) if namespace
    ]


def _check_same_source(spec: Obj, path: str) -> list[Cause]:
    """The older of the two fields says the same as the newer one, or nothing where that crosses namespaces."""
    source, ref = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is None or ref is None:
        return []
    message = "must match dataSourceRef"
    if ref.get("namespace"):
        message = "may not be specified when dataSourceRef.namespace is specified"
    elif all(source.get(name) == ref.get(name) for name in ("apiGroup", "kind", "name")):
        return []
    # upstream shows the field's path as the wrong value, not in quotes
    return [Cause("FieldValueInvalid", f"Invalid value: {path}.dataSource: {message}", path)]


def _validate_update(new: Obj, old: Obj) -> list[Cause]:
    fresh, stored = new.get("spec") or {}, old.get("spec") or {}
    causes = _check_annotation(new, old)
    bound = at(new, "status.phase") == "Bound"
    now, before = _fixed(fresh, stored, bound), _fixed(stored, stored, bound)
    if now != before:
        causes.append(field.forbidden("spec", f"{_MAY_CHANGE}\n{difference(before, now)}"))
    if _shrinks(at(new, _SIZE), at(old, _SIZE), at(old, "status.capacity.storage")):
        causes.append(field.forbidden(_SIZE, "field can not be less than status.capacity"))
    causes += field.immutable("volumeMode", fresh.get("volumeMode"), stored.get("volumeMode"))
    return causes + _check_attributes_class(fresh, stored, at(old, "status.currentVolumeAttributesClassName"))


def _check_annotation(new: Obj, old: Obj) -> list[Cause]:
    """The storage class as it was given before it had a field."""
    now, before = (at(obj, "metadata.annotations") or {} for obj in (new, old))
    if (now.get(_CLASS_ANNOTATION) or "") == (before.get(_CLASS_ANNOTATION) or ""):
        return []
    value = now.get(_CLASS_ANNOTATION) or ""
    return [field.invalid(f"metadata.annotations.{_CLASS_ANNOTATION}", value, field.IMMUTABLE)]


def _check_attributes_class(fresh: Obj, stored: Obj, current: str | None) -> list[Cause]:
    now, before = fresh.get(_ATTRIBUTES), stored.get(_ATTRIBUTES)
    if now == before:
        return []
    path = f"spec.{_ATTRIBUTES}"
    if before is not None and now == "":
        return [field.forbidden(path, "update from non-nil value to an empty string is forbidden")]
    if now is None and current is not None:
        message = "update to nil is forbidden when status.currentVolumeAttributesClassName is not nil"
        return [field.forbidden(path, message)]
    return []


def _shrinks(asked: str | None, had: str | None, size: str | None) -> bool:
    """Tell whether a request fell to what the volume has or below; one that only takes back an expansion may fall."""
    if asked is None or had is None or parse(asked) >= parse(had):
        return False
    return size is not None and parse(asked) <= parse(size)


def _fixed(spec: Obj, stored: Obj, bound: bool) -> Obj:
    """Return what of a specification may not change."""
    fixed = {name: value for name, value in spec.items() if name != _ATTRIBUTES}
    if not stored.get("volumeName"):
        fixed.pop("volumeName", None)  # binding fills it in
    if stored.get("storageClassName") is None:
        fixed.pop("storageClassName", None)  # the default class fills it in, also later
    if bound:
        resources = spec.get("resources") or {}
        others = {name: value for name, value in (resources.get("requests") or {}).items() if name != "storage"}
        fixed["resources"] = {**resources, "requests": others}
    return fixed


def _validate_status(new: Obj, old: Obj) -> list[Cause]:
    status = new.get("status") or {}
    causes = []
    for part in ("capacity", "allocatedResources"):
        for name, quantity in (status.get(part) or {}).items():
            here, wrong = f"status.{part}[{name}]", []
            if part == "allocatedResources":
                wrong = _check_key(name, f"status.{part}")
            if not wrong and parse(quantity) < 0:
                wrong = [field.invalid(here, parse(quantity).nano // 10**9, "must be a valid resource quantity")]
            causes += wrong
    path = "status.allocatedResourceStatus"
    for name, word in (status.get("allocatedResourceStatuses") or {}).items():
        causes += _check_key(name, path)
        if word not in _RESIZING:
            causes.append(field.not_supported(path, name, _RESIZING))
    return causes


def _check_key(name: str, path: str) -> list[Cause]:
    """Check the name of what a claim is given: storage, or something of a driver's own."""
    wrong = [field.invalid(path, name, message) for message in names.qualified_name(name)]
    native = "/" not in name or "kubernetes.io/" in name
    return wrong if wrong or not native or name == "storage" else [field.not_supported(path, name, ["storage"])]


def _capacity(claim: Obj) -> str:
    return at(claim, "status.capacity.storage") or "" if at(claim, "spec.volumeName") else ""


def _modes(claim: Obj) -> str:
    return modes_text(at(claim, "status.accessModes")) if at(claim, "spec.volumeName") else ""


_COLUMNS = (
    NAME,
    column("Status", phase_text, "Its phase."),
    text("Volume", "spec.volumeName", "The volume that it is bound to."),
    column("Capacity", _capacity, "How much that volume holds."),
    column("Access Modes", _modes, "How that volume may be mounted."),
    CLASS,
    ATTRIBUTES,
    AGE,
    VOLUME_MODE,
)


RESOURCE = Resource(
    group="",
    version="v1",
    kind="PersistentVolumeClaim",
    plural="persistentvolumeclaims",
    singular="persistentvolumeclaim",
    namespaced=True,
    schema="io.k8s.api.core.v1.PersistentVolumeClaim",
    short_names=("pvc",),
    subresources=(STATUS,),
    columns=_COLUMNS,
    default=_default,
    prepare_create=_prepare_create,
    validate=_validate,
    validate_update=_validate_update,
    validate_status_update=_validate_status,
    fields=lambda claim: {"name": claim["metadata"].get("name") or ""},
)
