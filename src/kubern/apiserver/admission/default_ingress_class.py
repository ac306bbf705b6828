"""DefaultIngressClass: an ingress that names no class gets the cluster's default one."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes
from kubern.apiserver.default_class import default_class

GROUP = "networking.k8s.io"
DEFAULT = "ingressclass.kubernetes.io/is-default-class"
OLD_FIELD = "kubernetes.io/ingress.class"


def choose(attributes: Attributes) -> None:
    """Fill in spec.ingressClassName."""
    obj = attributes.obj
    if obj is None or not isinstance(obj.get("spec"), dict) or obj["spec"].get("ingressClassName") is not None:
        return
    if OLD_FIELD in (obj["metadata"].get("annotations") or {}):
        return
    name = default_class(attributes.core.select("ingressclasses", group=GROUP), (DEFAULT,))
    if name:
        obj["spec"]["ingressClassName"] = name


ADMISSION = Admission("DefaultIngressClass", 130, ("CREATE",), (f"ingresses.{GROUP}",), mutate=choose)
