"""Which volume serves a claim: the smallest of those that fit. Pure; used by the PersistentVolume binder.

Source: the documentation "Persistent Volumes" (binding, reserving, class, selector, volume mode).
"""

from __future__ import annotations

from collections.abc import Iterable

from kubern.api.selectors import selects
from kubern.base.json import Obj
from kubern.base.quantity import Quantity, parse

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
PROVISIONERS = ("volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner")
DEFAULT_CLASSES = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"


def annotations_of(obj: Obj) -> dict[str, str]:
    """Return an object's annotations."""
    found: dict[str, str] = obj["metadata"].get("annotations") or {}
    return found


def class_of(obj: Obj) -> str:
    """Return the class that a claim or a volume names, empty without one."""
    return annotations_of(obj).get(CLASS_ANNOTATION) or obj["spec"].get("storageClassName") or ""


def names(volume: Obj, claim: Obj) -> bool:
    """Whether a volume is reserved for this claim: by name, and by uid once it has one."""
    ref, meta = volume["spec"].get("claimRef"), claim["metadata"]
    if not ref or ref.get("name") != meta["name"] or ref.get("namespace") != meta["namespace"]:
        return False
    return not ref.get("uid") or bool(ref["uid"] == meta["uid"])


def size_of(volume: Obj) -> Quantity:
    """Return a volume's capacity."""
    return parse((volume["spec"].get("capacity") or {}).get("storage", "0"))


def requested(claim: Obj) -> Quantity:
    """Return how much a claim asks for."""
    return parse(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "0"))


def mismatch(volume: Obj, claim: Obj) -> str:
    """Return why a volume named by a claim cannot serve it, empty when it can."""
    if size_of(volume) < requested(claim):
        return "requested PV is too small"
    if class_of(volume) != class_of(claim):
        return "storageClassName does not match"
    if _mode(volume) != _mode(claim):
        return "incompatible volumeMode"
    if not set(claim["spec"].get("accessModes") or ()) <= set(volume["spec"].get("accessModes") or ()):
        return "incompatible accessMode"
    return ""


def find(claim: Obj, volumes: Iterable[Obj], delayed: bool) -> Obj | None:
    """Return the volume that a claim gets: the one reserved for it, else the smallest available one that fits. A delayed claim gets
    only a reserved one: the scheduler chooses for it."""
    best: Obj | None = None
    for volume in volumes:
        reserved = names(volume, claim)
        if not _usable(volume, claim, reserved):
            continue
        if reserved:
            return volume
        if not delayed and _fits(volume, claim) and (best is None or _order(volume) < _order(best)):
            best = volume
    return best


def _usable(volume: Obj, claim: Obj, reserved: bool) -> bool:
    if volume["spec"].get("claimRef") and not reserved:
        return False
    modes = set(claim["spec"].get("accessModes") or ()) <= set(volume["spec"].get("accessModes") or ())
    same = _mode(volume) == _mode(claim) and _attributes(volume) == _attributes(claim)
    return modes and same and not volume["metadata"].get("deletionTimestamp") and size_of(volume) >= requested(claim)


def _fits(volume: Obj, claim: Obj) -> bool:
    if (volume.get("status") or {}).get("phase") != "Available" or class_of(volume) != class_of(claim):
        return False
    selector = claim["spec"].get("selector")
    return selector is None or selects(selector, volume["metadata"].get("labels") or {})


def _order(volume: Obj) -> tuple[Quantity, str]:
    return size_of(volume), volume["metadata"]["name"]


def _mode(obj: Obj) -> str:
    return obj["spec"].get("volumeMode") or "Filesystem"


def _attributes(obj: Obj) -> str:
    return obj["spec"].get("volumeAttributesClassName") or ""


def default_class(classes: Iterable[Obj]) -> str:
    """Return the newest default class's name (by name among those of one second), empty without one."""
    marked = [each for each in classes if any(annotations_of(each).get(key) == "true" for key in DEFAULT_CLASSES)]
    marked.sort(key=lambda each: each["metadata"]["name"])
    newest = max(marked, key=lambda each: each["metadata"].get("creationTimestamp", ""), default=None)
    return newest["metadata"]["name"] if newest is not None else ""
