"""Taints and tolerations. Pure. Source: the documentation "Taints and Tolerations"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubern.base.json import Obj

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
PRESSURES = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
}
NO_SCHEDULE, NO_EXECUTE = "NoSchedule", "NoExecute"


def taints_of(node: Obj) -> list[Obj]:
    """Return a node's taints."""
    return list((node.get("spec") or {}).get("taints") or ())


def tolerates(toleration: Obj, taint: Obj) -> bool:
    """Say whether a toleration covers a taint."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if (toleration.get("operator") or "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def tolerating(tolerations: Iterable[Obj], taint: Obj) -> Obj | None:
    """Return the first toleration that covers a taint, or None."""
    return next((each for each in tolerations if tolerates(each, taint)), None)


def untolerated(tolerations: Sequence[Obj], taints: Iterable[Obj], effects: Sequence[str]) -> Obj | None:
    """Return the first taint of these effects that no toleration covers, or None."""
    return next((t for t in taints if t["effect"] in effects and tolerating(tolerations, t) is None), None)
