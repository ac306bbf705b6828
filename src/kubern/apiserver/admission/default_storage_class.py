"""DefaultStorageClass: a claim that names no class gets the cluster's default one."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes

DEFAULT = "storageclass.kubernetes.io/is-default-class"
BETA = "storageclass.beta.kubernetes.io/is-default-class"
OLD_FIELD = "volume.beta.kubernetes.io/storage-class"


def choose(attributes: Attributes) -> None:
    """Fill in spec.storageClassName; of several defaults the newest counts, of equally old ones the first by name."""
    obj = attributes.obj
    if obj is None or not isinstance(obj.get("spec"), dict) or obj["spec"].get("storageClassName") is not None:
        return
    if OLD_FIELD in (obj["metadata"].get("annotations") or {}):
        return
    entries = attributes.core.select("storageclasses", group="storage.k8s.io")
    marked = [entry.obj() for entry in entries if b"is-default-class" in entry.item]
    classes = [
        each for each in marked if "true" in map((each["metadata"].get("annotations") or {}).get, (DEFAULT, BETA))
    ]
    classes.sort(key=lambda each: str(each["metadata"]["name"]))
    classes.sort(key=lambda each: str(each["metadata"]["creationTimestamp"]), reverse=True)
    if classes:
        obj["spec"]["storageClassName"] = classes[0]["metadata"]["name"]


ADMISSION = Admission("DefaultStorageClass", 70, ("CREATE",), ("persistentvolumeclaims",), mutate=choose)
