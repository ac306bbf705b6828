"""TaintNodesByCondition: a new node takes no pods before the node controller has seen that it is ready."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes

TAINT = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def taint(attributes: Attributes) -> None:
    """Add the taint, unless the node has it."""
    obj = attributes.obj
    if obj is None or not isinstance(obj.setdefault("spec", {}), dict):
        return
    taints = obj["spec"].get("taints") or []
    if not any(all(each.get(key) == value for key, value in TAINT.items()) for each in taints):
        obj["spec"]["taints"] = [*taints, dict(TAINT)]


ADMISSION = Admission("TaintNodesByCondition", 36, ("CREATE",), ("nodes",), mutate=taint)
