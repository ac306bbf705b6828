"""What a virtual node says of its pods. Pure: objects and times in, statuses out."""

from __future__ import annotations

from datetime import datetime

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.simulation.script import Script, backoff, gates_open, next_move, restarts, script_of

OURS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
"""The conditions that kubelets keep; others' are left as they are."""
_FALSE = {
    "wait": ("Ready", "ContainersReady"), "start": ("Ready", "ContainersReady"), "ready": (), "back-off": ("Ready", "ContainersReady"),
    "ended": ("Ready", "ContainersReady", "PodReadyToStartContainers"),
}  # fmt: skip


def pod_status(pod: Obj, ip: str, host_ip: str, now: datetime) -> Obj | None:
    """Return the status a pod moves to when its next move is due; None when it is not, or is to be gone."""
    move = next_move(pod, now)
    if move is None or move.left > 0 or move.to == "gone":
        return None
    script, to = script_of(pod), move.to
    if to == "exit":
        to = "back-off" if restarts(pod, script) else "ended"
    elif to == "start" and not script.ready_after and gates_open(pod):
        to = "ready"
    return _status(pod, (ip, host_ip), rfc3339(now), to, script)


def _status(pod: Obj, addresses: tuple[str, str], stamp: str, to: str, script: Script) -> Obj:
    """Return the status of a pod whose containers come to `wait`, `start`, be `ready`, be in `back-off`, or have `ended`."""
    spec, before = pod["spec"], pod.get("status") or {}
    ip, host_ip = addresses
    phase = "Pending" if to == "wait" else "Running"
    if to == "ended":
        phase = "Failed" if script.exit_code else "Succeeded"
    held = {c["name"]: c for c in before.get("containerStatuses") or ()}
    inits = [_container(c, {}, stamp, "ended", Script(0.0, None, 0)) for c in spec.get("initContainers") or ()]
    status: Obj = {
        "phase": phase,
        "conditions": _conditions(pod, stamp, to, phase),
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "startTime": before.get("startTime") or stamp,
        "initContainerStatuses": inits or None,
        "containerStatuses": [_container(c, held.get(c["name"], {}), stamp, to, script) for c in spec["containers"]],
    }
    if generation := pod["metadata"].get("generation"):
        status["observedGeneration"] = generation
    return status


def _conditions(pod: Obj, stamp: str, to: str, phase: str) -> list[Obj]:
    held = {c["type"]: c for c in (pod.get("status") or {}).get("conditions") or ()}
    reason = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, "ContainersNotReady")
    generation = pod["metadata"].get("generation")
    conditions = []
    for kind in OURS:
        value = "False" if kind in _FALSE[to] else "True"
        changed = held[kind]["lastTransitionTime"] if held.get(kind, {}).get("status") == value else stamp
        condition = {"type": kind, "status": value, "lastProbeTime": None, "lastTransitionTime": changed}
        if generation:
            condition["observedGeneration"] = generation
        conditions.append(condition | ({"reason": reason} if value == "False" else {}))
    return [*conditions, *(each for kind, each in held.items() if kind not in OURS)]


def _container(container: Obj, held: Obj, stamp: str, to: str, script: Script) -> Obj:
    identity = f"virtual://{container['name']}"
    count, last = held.get("restartCount", 0), held.get("lastState") or {}
    running = (held.get("state") or {}).get("running") or {}
    ended = {
        "exitCode": script.exit_code,
        "reason": "Error" if script.exit_code else "Completed",
        "startedAt": running.get("startedAt", stamp),
        "finishedAt": stamp,
        "containerID": identity,
    }
    if to == "wait":
        state: Obj = {"waiting": {"reason": script.waiting}}
    elif to == "ended":
        state = {"terminated": ended}
    elif to == "back-off":
        message = f"back-off {int(backoff(count))}s restarting failed container={container['name']}"
        state, last = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}, {"terminated": ended}
    else:
        state = {"running": {"startedAt": running.get("startedAt", stamp)}}
        count += bool(last) and not running
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "containerID": "" if to == "wait" else identity,
        "ready": to == "ready",
        "started": to in ("start", "ready"),
        "restartCount": count,
        "lastState": last,
        "state": state,
    }
