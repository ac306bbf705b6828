"""What a virtual node says of itself and of its pods. Pure: objects and times in, objects out."""

from __future__ import annotations

from datetime import datetime

from kubern import KUBERNETES_VERSION
from kubern.base.clock import rfc3339, rfc3339_micro
from kubern.base.json import Obj
from kubern.simulation.script import backoff, restarts, script_of

LABEL = "kubern.io/virtual-node"
CAPACITY = {"cpu": "32", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"}
LEASE_SECONDS = 40
KUBELET_PORT = 10250
_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def node(name: str, pod_cidr: str) -> Obj:
    """Return the Node that a virtual node registers; with a range of pod addresses, so that nobody has to give it one."""
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": "amd64",
        LABEL: "true",
    }
    meta = {"name": name, "labels": labels}
    spec = {"podCIDR": pod_cidr, "podCIDRs": [pod_cidr]} if pod_cidr else {}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": spec, "status": {}}


def node_status(name: str, address: str, now: datetime, before: Obj) -> Obj:
    """Return the status that says the node is well; conditions keep the time since which they have held."""
    since = {c["type"]: c for c in before.get("conditions") or ()}
    stamp = rfc3339(now)
    conditions = []
    for kind, status, reason, message in _CONDITIONS:
        held = since.get(kind, {})
        changed = held["lastTransitionTime"] if held.get("status") == status else stamp
        conditions.append(
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": stamp,
                "lastTransitionTime": changed,
            }
        )
    info = {
        "architecture": "amd64",
        "bootID": "",
        "containerRuntimeVersion": "virtual://1",
        "kernelVersion": "",
        "kubeProxyVersion": "",
        "kubeletVersion": KUBERNETES_VERSION,
        "machineID": "",
        "operatingSystem": "linux",
        "osImage": "Kubern virtual node",
        "systemUUID": "",
    }
    return {
        "capacity": dict(CAPACITY),
        "allocatable": dict(CAPACITY),
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
        "conditions": conditions,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
        "nodeInfo": info,
    }


def is_ready(held: Obj | None) -> bool:
    """Whether the API says that a node is ready."""
    conditions = ((held or {}).get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def lease(name: str, now: datetime) -> Obj:
    """Return a node's heartbeat."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": rfc3339_micro(now)},
    }


def pod_status(pod: Obj, ip: str, host_ip: str, now: datetime) -> Obj | None:
    """Return the status a pod moves to now that its next move is due, None when it is where it belongs."""
    status = pod.get("status") or {}
    phase = status.get("phase")
    script = script_of(pod)
    waits = any("waiting" in (c.get("state") or {}) for c in status.get("containerStatuses") or ())
    if phase in ("Succeeded", "Failed") or (phase == "Running" and script.run_for is None and not waits):
        return None
    move = "running"
    if phase == "Running" and not waits:
        move = "waiting" if restarts(pod, script) else "ended"
    return _status(pod, (ip, host_ip), rfc3339(now), move, script.exit_code)


def _status(pod: Obj, addresses: tuple[str, str], stamp: str, move: str, code: int) -> Obj:
    """Return the status of a pod that comes to be `running`, `waiting` to be restarted, or `ended`."""
    spec, before = pod["spec"], pod.get("status") or {}
    ip, host_ip = addresses
    started = before.get("startTime") or stamp
    phase = ("Failed" if code else "Succeeded") if move == "ended" else "Running"
    held = {c["name"]: c for c in before.get("containerStatuses") or ()}
    inits = [_container(c, {}, stamp, "ended", 0) for c in spec.get("initContainers") or ()]
    return {
        "phase": phase,
        "conditions": _conditions(before, stamp, move, phase),
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "startTime": started,
        "initContainerStatuses": inits or None,
        "containerStatuses": [_container(c, held.get(c["name"], {}), stamp, move, code) for c in spec["containers"]],
    }


def _conditions(before: Obj, stamp: str, move: str, phase: str) -> list[Obj]:
    reasons = {"Succeeded": "PodCompleted", "Failed": "PodFailed", "Running": "ContainersNotReady"}
    held = {c["type"]: c for c in before.get("conditions") or ()}
    false = {
        "running": (),
        "waiting": ("Ready", "ContainersReady"),
        "ended": ("Ready", "ContainersReady", "PodReadyToStartContainers"),
    }
    conditions = []
    for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"):
        value = "False" if kind in false[move] else "True"
        changed = held[kind]["lastTransitionTime"] if held.get(kind, {}).get("status") == value else stamp
        conditions.append(
            {"type": kind, "status": value, "lastProbeTime": None, "lastTransitionTime": changed}
            | ({"reason": reasons[phase]} if value == "False" else {})
        )
    return conditions


def _container(container: Obj, held: Obj, stamp: str, move: str, code: int) -> Obj:
    identity = f"virtual://{container['name']}"
    count, last = held.get("restartCount", 0), held.get("lastState") or {}
    since = ((held.get("state") or {}).get("running") or {}).get("startedAt", stamp)
    ended = {
        "exitCode": code,
        "reason": "Error" if code else "Completed",
        "startedAt": since,
        "finishedAt": stamp,
        "containerID": identity,
    }
    state: Obj = {"running": {"startedAt": stamp}}
    if move == "running":
        count += "waiting" in (held.get("state") or {})
    elif move == "ended":
        state = {"terminated": ended}
    else:
        message = f"back-off {int(backoff(count))}s restarting failed container={container['name']}"
        state, last = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}, {"terminated": ended}
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "containerID": identity,
        "ready": move == "running",
        "started": move == "running",
        "restartCount": count,
        "lastState": last,
        "state": state,
    }
