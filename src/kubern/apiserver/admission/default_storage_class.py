"""DefaultStorageClass: a claim that names no class gets the cluster's default one."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes
from kubern.apiserver.default_class import default_class

DEFAULT = "storageclass.kubernetes.io/is-default-class"
BETA = "storageclass.beta.kubernetes.io/is-default-class"
OLD_FIELD = "volume.beta.kubernetes.io/storage-class"


def choose(attributes: Attributes) -> None:
    """Fill in spec.storageClassName."""
    obj = attributes.obj
    if obj is None or not isinstance(obj.get("spec"), dict) or obj["spec"].get("storageClassName") is not None:
        return
    if OLD_FIELD in (obj["metadata"].get("annotations") or {}):
        return
    name = default_class(attributes.core.select("storageclasses", group="storage.k8s.io"), (DEFAULT, BETA))
    if name:
        obj["spec"]["storageClassName"] = name


ADMISSION = Admission("DefaultStorageClass", 70, ("CREATE",), ("persistentvolumeclaims",), mutate=choose)
