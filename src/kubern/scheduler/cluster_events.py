"""What of an object's change may let a waiting pod run, as events of the queue. Pure."""

from __future__ import annotations

from kubern.base.json import Obj
from kubern.scheduler.framework import Event


def node_events(before: Obj | None, after: Obj | None) -> list[Event]:
    """Return the events of a node that came, changed or went."""
    if before is None or after is None:
        return [Event("Node/Add" if before is None else "Node/Delete", before, after)]
    found = []
    if before["metadata"].get("labels") != after["metadata"].get("labels"):
        found.append("Node/Label")
    old, new = before.get("spec") or {}, after.get("spec") or {}
    if old.get("taints") != new.get("taints") or old.get("unschedulable") != new.get("unschedulable"):
        found.append("Node/Taint")
    if (before.get("status") or {}).get("allocatable") != (after.get("status") or {}).get("allocatable"):
        found.append("Node/Allocatable")
    return [Event(name, before, after) for name in found]


def object_event(kind: str, before: Obj | None, after: Obj | None) -> Event:
    """Return the event of any other object: `PersistentVolumeClaim/Update`."""
    what = "Add" if before is None else "Delete" if after is None else "Update"
    return Event(f"{kind}/{what}", before, after)


def ended(pod: Obj) -> bool:
    """Whether a pod has ended: it holds nothing of its node any more."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def differs(before: Obj, after: Obj) -> bool:
    """Whether a pod changed in what other pods' placement depends on: labels, spec, or that it is being deleted."""
    old, new = before["metadata"], after["metadata"]
    if old.get("labels") != new.get("labels") or ("deletionTimestamp" in old) != ("deletionTimestamp" in new):
        return True
    return bool(before["spec"] != after["spec"])
