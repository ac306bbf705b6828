"""DefaultIngressClass: an ingress that names no class gets the cluster's default one."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes

GROUP = "networking.k8s.io"
DEFAULT = "ingressclass.kubernetes.io/is-default-class"
OLD_FIELD = "kubernetes.io/ingress.class"


def choose(attributes: Attributes) -> None:
    """Fill in spec.ingressClassName; the newest default counts, of equally old ones the first by name."""
    obj = attributes.obj
    if obj is None or not isinstance(obj.get("spec"), dict) or obj["spec"].get("ingressClassName") is not None:
        return
    if OLD_FIELD in (obj["metadata"].get("annotations") or {}):
        return
    entries = attributes.core.select("ingressclasses", group=GROUP)
    marked = [entry.obj() for entry in entries if b"is-default-class" in entry.item]
    classes = [each for each in marked if (each["metadata"].get("annotations") or {}).get(DEFAULT) == "true"]
    classes.sort(key=lambda each: str(each["metadata"]["name"]))
    classes.sort(key=lambda each: str(each["metadata"]["creationTimestamp"]), reverse=True)
    if classes:
        obj["spec"]["ingressClassName"] = classes[0]["metadata"]["name"]


ADMISSION = Admission("DefaultIngressClass", 130, ("CREATE",), (f"ingresses.{GROUP}",), mutate=choose)
