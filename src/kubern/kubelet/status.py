"""A pod's status: `pod + observed runtime state + what the worker knows → status`. Pure.

Source: the Kubernetes documentation, "Pod Lifecycle"; messages and reasons are upstream's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.kubelet.conditions import conditions
from kubern.kubelet.decide import Checks, back_off_message, restarts
from kubern.kubelet.observed import Observed, restart_count
from kubern.kubelet.podspec import EPHEMERAL, INIT, MAIN, SIDECAR, Step, host_network, steps
from kubern.kubelet.qos import qos_class
from kubern.kubelet.resizing import resources
from kubern.kubelet.runtime.contract import EXITED, RUNNING, Container

RUNTIME_SCHEME = "containerd"


class Waiting(NamedTuple):
    """Why a container does not run yet."""

    reason: str
    message: str = ""


class Verdict(NamedTuple):
    """What ended the pod from outside: DeadlineExceeded, Evicted, OutOfcpu…"""

    reason: str
    message: str


class Known(NamedTuple):
    """What a status rests on besides the pod and the runtime."""

    now: datetime
    start_time: datetime
    host_ips: tuple[str, ...] = ()
    pod_ips: tuple[str, ...] = ()
    checks: Mapping[str, Checks] = {}
    waiting: Mapping[str, Waiting] = {}
    backing_off: Mapping[str, float] = {}
    applied: Mapping[str, Obj] = {}
    """The resources that running containers were given."""
    messages: Mapping[str, str] = {}
    """Last words by container id."""
    verdict: Verdict | None = None
    scheme: str = RUNTIME_SCHEME
    previous: Mapping[str, Any] = {}
    """The status that was told last; the API may show it a little later."""
    ended: bool = False
    """Nothing runs any more and nothing will: a container that never ran counts as ended, too."""


def pod_status(pod: Obj, seen: Observed, known: Known) -> Obj:
    """Return the pod's whole status; conditions that others own are those of the pod."""
    old = pod.get("status") or {}
    everyone = list(steps(pod))
    by_role = {
        field: [_container_status(pod, step, seen, known) for step in everyone if step.role in roles]
        for field, roles in (
            ("initContainerStatuses", (INIT, SIDECAR)),
            ("containerStatuses", (MAIN,)),
            ("ephemeralContainerStatuses", (EPHEMERAL,)),
        )
    }
    phase = _phase(pod, everyone, seen, known)
    if old.get("phase") in ("Succeeded", "Failed"):
        # an ended pod never comes back
        phase = old["phase"]
    status: Obj = {"phase": phase, "startTime": rfc3339(known.start_time), "qosClass": qos_class(pod)}
    if known.verdict:
        status |= {"reason": known.verdict.reason, "message": known.verdict.message}
    elif old.get("reason") and phase == "Failed":
        status |= {name: old[name] for name in ("reason", "message") if name in old}
    if "generation" in pod["metadata"]:
        status["observedGeneration"] = pod["metadata"]["generation"]
    status |= {field: found for field, found in by_role.items() if found}
    status |= _addresses(pod, old, known)
    sandbox_ready = seen.ready_sandbox is not None and (host_network(pod) or bool(known.pod_ips))
    status["conditions"] = conditions(pod, status, sandbox_ready=sandbox_ready, now=known.now, previous=known.previous)
    return status


def _addresses(pod: Obj, old: Obj, known: Known) -> Obj:
    found: Obj = {}
    if known.host_ips:
        found["hostIP"] = known.host_ips[0]
        found["hostIPs"] = [{"ip": ip} for ip in known.host_ips]
    ips = known.host_ips[:1] if host_network(pod) else known.pod_ips
    ips = ips or tuple(each["ip"] for each in old.get("podIPs") or ())
    if ips:
        found |= {"podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}
    return found


def _container_status(pod: Obj, step: Step, seen: Observed, known: Known) -> Obj:
    instances = seen.containers.get(step.name, ())
    latest = instances[0] if instances else None
    previous = next((each for each in instances[1:] if each.state == EXITED), None)
    status: Obj = {"name": step.name, "state": {}, "lastState": {}, "ready": False, "restartCount": 0}
    status |= {"image": step.container.get("image", ""), "imageID": "", "started": False}
    waiting = _waiting(pod, step, latest, known)
    if latest is None:
        _never_ran(pod, step, status, waiting, known)
        return status
    status["restartCount"] = restart_count(latest)
    status["image"] = latest.image or status["image"]
    status["imageID"] = latest.image_id
    status["containerID"] = f"{known.scheme}://{latest.id}"
    if latest.state == RUNNING:
        checks = known.checks.get(step.name, Checks())
        status["state"] = {"running": {"startedAt": _time(latest.started_at or latest.created_at)}}
        status["started"] = checks.started
        status["ready"] = checks.started and checks.ready and step.role in (MAIN, SIDECAR)
        _resources(step, status, known)
    elif latest.state == EXITED and waiting is None:
        status["state"] = {"terminated": terminated(latest, known)}
        status["ready"] = step.role == INIT and latest.exit_code == 0
    else:
        if latest.state == EXITED:
            previous = latest
        status["state"] = {"waiting": _reason(waiting or _default_waiting(pod))}
    if previous is not None:
        status["lastState"] = {"terminated": terminated(previous, known)}
    if step.container.get("volumeMounts"):
        status["volumeMounts"] = [_volume_mount(mount) for mount in step.container["volumeMounts"]]
    return status


def _never_ran(pod: Obj, step: Step, status: Obj, waiting: Waiting | None, known: Known) -> None:
    """Fill in a container that the runtime knows nothing of: it waits, or it was lost while it ran."""
    for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for old in (pod.get("status") or {}).get(field) or ():
            if old["name"] == step.name and old.get("containerID"):
                status |= {
                    name: old[name] for name in ("restartCount", "image", "imageID", "containerID") if name in old
                }
                if "terminated" in (old.get("state") or {}):
                    status |= {"state": old["state"], "ready": bool(old.get("ready")) and step.role == INIT}
                    return
                if known.ended:
                    status["state"] = {"terminated": _lost(old)}
                    return
    status["state"] = {"waiting": _reason(waiting or _default_waiting(pod))}


def _lost(old: Obj) -> Obj:
    return {
        "exitCode": 137,
        "reason": "ContainerStatusUnknown",
        "message": "The container could not be located when the pod was deleted.  The container used to be Running",
        "startedAt": None,
        "finishedAt": None,
        "containerID": old["containerID"],
    }


def _waiting(pod: Obj, step: Step, latest: Container | None, known: Known) -> Waiting | None:
    """Return why the container waits, None when it runs, has ended, or is about to be started."""
    if latest is not None and latest.state == RUNNING:
        return None
    if step.name in known.backing_off:
        text = back_off_message(pod, step.name, known.backing_off[step.name])
        return Waiting("CrashLoopBackOff", text)
    return known.waiting.get(step.name)


def _default_waiting(pod: Obj) -> Waiting:
    return Waiting("PodInitializing" if pod["spec"].get("initContainers") else "ContainerCreating")


def _reason(waiting: Waiting) -> Obj:
    found = {"reason": waiting.reason}
    return found | {"message": waiting.message} if waiting.message else found


def terminated(container: Container, known: Known) -> Obj:
    """Return the `terminated` state of a container that has ended."""
    reason = container.reason or ("Completed" if container.exit_code == 0 else "Error")
    found: Obj = {
        "exitCode": container.exit_code,
        "reason": reason,
        "startedAt": _time(container.started_at or container.created_at),
        "finishedAt": _time(container.finished_at or container.created_at),
        "containerID": f"{known.scheme}://{container.id}",
    }
    message = known.messages.get(container.id) or container.message
    return found | {"message": message} if message else found


def _resources(step: Step, status: Obj, known: Known) -> None:
    wanted = resources(step.container)
    applied = known.applied.get(step.name, wanted)
    if applied:
        status["resources"] = applied
    if wanted.get("requests"):
        status["allocatedResources"] = wanted["requests"]


def _volume_mount(mount: Obj) -> Obj:
    found = {"name": mount["name"], "mountPath": mount["mountPath"]}
    if mount.get("readOnly"):
        found |= {"readOnly": True, "recursiveReadOnly": mount.get("recursiveReadOnly") or "Disabled"}
    return found


def _time(nanoseconds: int) -> str | None:
    return rfc3339(datetime.fromtimestamp(nanoseconds / 1e9, UTC)) if nanoseconds else None


def _phase(pod: Obj, everyone: list[Step], seen: Observed, known: Known) -> str:
    if known.verdict is not None:
        return "Failed"
    found = {step.name: seen.latest(step.name) for step in everyone}
    running = any(each is not None and each.state == RUNNING for each in found.values())
    inits = [(step, found[step.name]) for step in everyone if step.role == INIT]
    mains = [(step, found[step.name]) for step in everyone if step.role == MAIN]
    begun = any(each is not None for _, each in mains)
    if not begun and any(each is None or each.state != EXITED or each.exit_code for _, each in inits):
        lost = any(each and each.state == EXITED and each.exit_code and not restarts(pod, s, each) for s, each in inits)
        if lost and not running:
            return "Failed"
        return "Failed" if known.ended else "Pending"
    if known.ended:
        # deleted, or over: what never ran has not succeeded
        return "Succeeded" if all(each is not None and each.exit_code == 0 for _, each in mains) else "Failed"
    over = all(each and each.state == EXITED and not restarts(pod, step, each) for step, each in mains)
    if over and not running:
        return "Succeeded" if all(each is not None and each.exit_code == 0 for _, each in mains) else "Failed"
    if any(each is None or (each.state not in (RUNNING, EXITED)) for _, each in mains):
        return "Pending"
    return "Running"
