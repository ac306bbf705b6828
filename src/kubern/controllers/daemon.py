"""On which nodes a DaemonSet's pod belongs. Pure. Source: the documentation "How Daemon Pods are scheduled"."""

from __future__ import annotations

from typing import Any

from kubern.base.json import Obj
from kubern.controllers.taints import (
    NO_EXECUTE,
    NO_SCHEDULE,
    NOT_READY,
    PRESSURES,
    UNREACHABLE,
    UNSCHEDULABLE,
    taints_of,
    untolerated,
)

_TOLERATED = (
    (NOT_READY, NO_EXECUTE),
    (UNREACHABLE, NO_EXECUTE),
    (PRESSURES["DiskPressure"], NO_SCHEDULE),
    (PRESSURES["MemoryPressure"], NO_SCHEDULE),
    (PRESSURES["PIDPressure"], NO_SCHEDULE),
    (UNSCHEDULABLE, NO_SCHEDULE),
)
TOLERATIONS = tuple({"key": key, "operator": "Exists", "effect": effect} for key, effect in _TOLERATED)
"""What every daemon pod tolerates."""
_HOST = {"key": PRESSURES["NetworkUnavailable"], "operator": "Exists", "effect": NO_SCHEDULE}


def fits(daemon_set: Obj, node: Obj, *, schedule: bool) -> bool:
    """Say whether a daemon pod is to be on a node: newly (`schedule`), or may stay there (NoSchedule taints drive nobody away)."""
    spec = daemon_set["spec"]["template"]["spec"]
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    if spec.get("nodeName") and spec["nodeName"] != node["metadata"]["name"]:
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required and not any(_term(term, node) for term in required.get("nodeSelectorTerms") or ()):
        return False
    tolerations = [*(spec.get("tolerations") or ()), *TOLERATIONS, *([_HOST] if spec.get("hostNetwork") else [])]
    effects = (NO_SCHEDULE, NO_EXECUTE) if schedule else (NO_EXECUTE,)
    return untolerated(tolerations, taints_of(node), effects) is None


def pinned(pod: Obj) -> str:
    """Return the node that a daemon pod was made for."""
    affinity = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    for term in (affinity or {}).get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field.get("key") == "metadata.name" and field.get("operator") == "In" and len(field["values"]) == 1:
                return str(field["values"][0])
    return ""


def _term(term: Obj, node: Obj) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    labels = node["metadata"].get("labels") or {}
    by_name = {"metadata.name": node["metadata"]["name"]}
    return all(_meets(each, labels) for each in expressions) and all(_meets(each, by_name) for each in fields)


def _meets(expression: Obj, labels: dict[str, Any]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case "Gt" | "Lt" as operator:
            return _compares(labels.get(key), values, operator)
    return False


def _compares(label: str | None, values: list[str], operator: str) -> bool:
    try:
        have, bound = int(label or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return have > bound if operator == "Gt" else have < bound
