"""In-place resize: which of a running container's resources differ from its spec, and whether it must restart for that. Pure.

Source: the Kubernetes documentation, "Resize CPU and Memory Resources assigned to Containers".
"""

from __future__ import annotations

from kubern.base.json import Obj
from kubern.kubelet.qos import milli

RESIZABLE = ("cpu", "memory")


def resources(container: Obj) -> Obj:
    """Return a container's limits and requests, without what is empty."""
    declared = container.get("resources") or {}
    return {side: declared[side] for side in ("limits", "requests") if declared.get(side)}


def resized(container: Obj, applied: Obj | None) -> set[str]:
    """Return which of cpu and memory the spec wants otherwise than they were `applied`; none when that is not known."""
    if applied is None:
        return set()
    wanted = container.get("resources") or {}
    return {
        name
        for name in RESIZABLE
        for side in ("limits", "requests")
        if milli(wanted.get(side), name) != milli(applied.get(side), name)
    }


def needs_restart(container: Obj, changed: set[str]) -> bool:
    """Whether the container's resizePolicy has it restarted for a change of these resources."""
    policies = {each["resourceName"]: each["restartPolicy"] for each in container.get("resizePolicy") or ()}
    return any(policies.get(name) == "RestartContainer" for name in changed)
