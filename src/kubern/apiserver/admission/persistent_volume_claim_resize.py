"""PersistentVolumeClaimResize: a claim grows only when its class allows volumes to grow."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes, refused
from kubern.base import quantity
from kubern.base.json import Obj


def check(attributes: Attributes) -> None:
    """Refuse a larger request where nothing could fulfil it. Raises `Forbidden`."""
    new, old = attributes.obj, attributes.old
    if new is None or old is None or _storage(new).nano <= _storage(old).nano:
        return
    if (old.get("status") or {}).get("phase") != "Bound":
        return  # validation refuses what is not bound
    name = old["spec"].get("storageClassName")
    entry = attributes.core.storage_of("storageclasses", "storage.k8s.io").find("", name) if name else None
    if entry is None or not entry.obj().get("allowVolumeExpansion"):
        text = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
        raise refused(attributes, text)


def _storage(claim: Obj) -> quantity.Quantity:
    return quantity.parse(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage") or "0")


ADMISSION = Admission(
    "PersistentVolumeClaimResize", 120, ("UPDATE",), ("persistentvolumeclaims",), validate=check
)  # fmt: skip
