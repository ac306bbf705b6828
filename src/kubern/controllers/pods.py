"""What controllers ask of pods: active, ready, available, which to delete first, and how a template becomes one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import log2
from typing import Any

from kubern.base.clock import parse_time
from kubern.base.json import Obj

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
FINISHED = ("Succeeded", "Failed")


def phase(pod: Obj) -> str:
    """Return the pod's phase, Pending while it has none."""
    return (pod.get("status") or {}).get("phase") or "Pending"


def is_finished(pod: Obj) -> bool:
    """Say whether the pod's containers have ended for good."""
    return phase(pod) in FINISHED


def is_active(pod: Obj) -> bool:
    """Say whether the pod counts as a replica: neither finished nor being deleted."""
    return not is_finished(pod) and not pod["metadata"].get("deletionTimestamp")


def condition(obj: Obj, kind: str) -> Obj | None:
    """Return an object's status condition of a type, or None."""
    for each in (obj.get("status") or {}).get("conditions") or ():
        if each["type"] == kind:
            found: Obj = each
            return found
    return None


def is_ready(pod: Obj) -> bool:
    """Say whether the pod's Ready condition is True."""
    found = condition(pod, "Ready")
    return found is not None and found["status"] == "True"


def available_in(pod: Obj, min_ready_seconds: int, now: datetime) -> float | None:
    """Return the seconds until the pod has been ready for so long (0: it is available), None while it is not ready."""
    found = condition(pod, "Ready")
    if found is None or found["status"] != "True":
        return None
    if not min_ready_seconds:
        return 0.0
    since = found.get("lastTransitionTime")
    if not since:
        return float(min_ready_seconds)
    return max(0.0, min_ready_seconds - (now - parse_time(since)).total_seconds())


def from_template(template: Obj, owner: Obj, reference: Obj) -> Obj:
    """Return the pod that a controller creates from a template; its name is left to the server."""
    meta = template.get("metadata") or {}
    made: Obj = {
        "generateName": owner["metadata"]["name"] + "-",
        "namespace": owner["metadata"].get("namespace", ""),
        "ownerReferences": [reference],
    }
    for field in ("labels", "annotations", "finalizers"):
        if meta.get(field):
            made[field] = meta[field]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": made, "spec": template["spec"]}


def deletion_order(pod: Obj, crowding: Mapping[str, int], now: datetime) -> tuple[Any, ...]:
    """Return a sort key: pods that matter least come first.

    Upstream's order: unassigned, not running, not ready, cheaper to delete, on a node with more siblings (`crowding`, by node
    name), ready for a shorter time, more restarts, younger. Times are compared by their magnitude, so that not always the very
    newest goes.
    """
    spec, status, meta = pod["spec"], pod.get("status") or {}, pod["metadata"]
    ready = is_ready(pod)
    since = (condition(pod, "Ready") or {}).get("lastTransitionTime") if ready else None
    restarts = max((c.get("restartCount", 0) for c in status.get("containerStatuses") or ()), default=0)
    return (
        bool(spec.get("nodeName")),
        {"Pending": 0, "Unknown": 1}.get(phase(pod), 2),
        ready,
        _cost(meta),
        -crowding.get(spec.get("nodeName") or "", 0),
        _magnitude(since, now),
        -restarts,
        _magnitude(meta.get("creationTimestamp"), now),
        meta.get("uid", ""),
    )


def _cost(meta: Obj) -> int:
    try:
        return int((meta.get("annotations") or {}).get(DELETION_COST, 0))
    except ValueError:
        return 0


def _magnitude(moment: str | None, now: datetime) -> int:
    """Return the power of two of an age in seconds; 0 for an unknown one."""
    if not moment:
        return 0
    return int(log2(max((now - parse_time(moment)).total_seconds(), 1.0)))
