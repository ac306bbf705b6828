"""LimitRanger: what a namespace's LimitRanges give containers that ask for nothing, and what they refuse."""

from __future__ import annotations

from kubern.api.limits import default_containers, violations
from kubern.apiserver.admission_chain import Admission, Attributes, refused
from kubern.base.json import Obj

CLAIMS = "persistentvolumeclaims"


def _ranges(attributes: Attributes) -> list[Obj]:
    return [entry.obj() for entry in attributes.core.select("limitranges", attributes.namespace)]


def fill_in(attributes: Attributes) -> None:
    """Give a new pod's containers the requests and limits that they do not state."""
    if attributes.operation == "CREATE" and attributes.resource.plural == "pods" and attributes.obj:
        for limit_range in _ranges(attributes):
            default_containers(attributes.obj, limit_range)


def check(attributes: Attributes) -> None:
    """Refuse a pod or claim that is out of bounds. Raises `Forbidden`. What a pod asks for is checked once, at its creation."""
    if attributes.obj is None or (attributes.resource.plural == "pods" and attributes.operation != "CREATE"):
        return
    kind = "PersistentVolumeClaim" if attributes.resource.plural == CLAIMS else "Pod"
    found = [text for limit_range in _ranges(attributes) for text in violations(attributes.obj, kind, limit_range)]
    if found:
        raise refused(attributes, found[0] if len(found) == 1 else f"[{', '.join(found)}]")


ADMISSION = Admission("LimitRanger", 20, ("CREATE", "UPDATE"), ("pods", CLAIMS), mutate=fill_in, validate=check)
