"""Conditions of a pod as whoever writes one writes it: with the generation of the pod that it was decided on.

Used by the controllers, the scheduler and the eviction subresource; the kubelet writes its own conditions all at once.
"""

from __future__ import annotations

from datetime import datetime

from kubern.base.clock import rfc3339
from kubern.base.json import Obj


def pod_condition(pod: Obj, kind: str, status: str, now: datetime, reason: str = "", message: str = "") -> Obj:
    """Return a condition of the pod as it is; without `reason` and `message` it has none."""
    condition: Obj = {"type": kind, "status": status}
    if reason:
        condition |= {"reason": reason, "message": message}
    condition["lastTransitionTime"] = rfc3339(now)
    return condition | observed_generation(pod)


def disruption_target(pod: Obj, reason: str, message: str, now: datetime) -> Obj:
    """Return the condition that says that the pod is about to be ended, and by whom."""
    return pod_condition(pod, "DisruptionTarget", "True", now, reason, message)


def observed_generation(pod: Obj) -> Obj:
    """Return the field that tells the pod's generation; none for a pod that has none, such as one of a file."""
    generation = pod["metadata"].get("generation")
    return {"observedGeneration": generation} if generation else {}
