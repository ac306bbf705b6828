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
    causes = check_access_modes(spec, path, "at least 1 access mode is required")
    causes += check_label_selector(spec.get("selector"), f"{path}.selector")
    for name in ("dataSource", "dataSourceRef"):
        if spec.get(name) is not None:
            causes += _check_data_source(spec[name], f"{path}.{name}")
    size = at(spec, "resources.requests.storage")
    if size is None:
        causes.append(field.required(f"{path}.resources[storage]"))
    elif parse(size) <= 0:
        causes.append(field.invalid(f"{path}.resources[storage]", canonical(size), "must be greater than zero"))
    for name in ("storageClassName", "volumeAttributesClassName"):
        value = spec.get(name) or ""
        if value:
            causes += [field.invalid(f"{path}.{name}", value, message) for message in names.dns1123_subdomain(value)]
    return causes + one_of(spec, "volumeMode", f"{path}.", ["Block", "Filesystem"], needed=False)


def _check_data_source(source: Obj, path: str) -> list[Cause]:
    causes = [field.required(f"{path}.{name}") for name in ("name", "kind") if not source.get(name)]
    group, kind = source.get("apiGroup") or "", source.get("kind") or ""
    if not group and kind != "PersistentVolumeClaim":
        message = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        causes.append(field.invalid(path, kind, message))
    return causes + [field.invalid(f"{path}.apiGroup", group, m) for m in names.dns1123_subdomain(group) if group]


def _validate_update(new: Obj, old: Obj) -> list[Cause]:
    fresh, stored = new.get("spec") or {}, old.get("spec") or {}
    causes: list[Cause] = []
    bound = at(old, "status.phase") == "Bound"
    now, before = _fixed(fresh, stored, bound), _fixed(stored, stored, bound)
    if now != before:
        causes.append(field.forbidden("spec", f"{_MAY_CHANGE}\n{difference(before, now)}"))
    if bound and _shrinks(at(new, _SIZE), at(old, _SIZE), at(old, "status.capacity.storage")):
        causes.append(field.forbidden(_SIZE, "field can not be less than status.capacity"))
    causes += field.immutable("spec.volumeMode", fresh.get("volumeMode"), stored.get("volumeMode"))
    return causes


def _shrinks(asked: str | None, had: str | None, size: str | None) -> bool:
    """Tell whether a request fell to what the volume has or below; one that only takes back an expansion may fall."""
    if asked is None or had is None or parse(asked) >= parse(had):
        return False
    return size is None or parse(asked) <= parse(size)


def _fixed(spec: Obj, stored: Obj, bound: bool) -> Obj:
    """Return what of a specification may not change."""
    fixed = dict(spec)
    if not stored.get("volumeName"):
        fixed.pop("volumeName", None)  # binding fills it in
    if bound:
        fixed.pop("volumeAttributesClassName", None)
        fixed["resources"] = {
            name: value for name, value in (spec.get("resources") or {}).items() if name != "requests"
        }
    return fixed


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
    fields=lambda claim: {"name": claim["metadata"].get("name") or ""},
)
