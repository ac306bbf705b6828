"""StorageObjectInUseProtection: claims, volumes and classes of attributes get a finalizer, so that none goes while it is used."""

from __future__ import annotations

from kubern.api.protection import ATTRIBUTES_CLASS, CLAIM, VOLUME
from kubern.apiserver.admission_chain import Admission, Attributes

FINALIZERS = {
    "persistentvolumeclaims": CLAIM,
    "persistentvolumes": VOLUME,
    "volumeattributesclasses.storage.k8s.io": ATTRIBUTES_CLASS,
}


def protect(attributes: Attributes) -> None:
    """Add the finalizer of the object's kind."""
    metadata = (attributes.obj or {}).get("metadata")
    finalizer = FINALIZERS[attributes.resource.group_resource]
    if isinstance(metadata, dict) and finalizer not in (metadata.get("finalizers") or ()):
        metadata["finalizers"] = [*(metadata.get("finalizers") or ()), finalizer]


ADMISSION = Admission("StorageObjectInUseProtection", 75, ("CREATE",), tuple(FINALIZERS), mutate=protect)
