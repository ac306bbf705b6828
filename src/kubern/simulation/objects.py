"""What a virtual node says of itself and of its pods. Pure: objects and times in, objects out."""

from __future__ import annotations

from datetime import datetime

from kubern import KUBERNETES_VERSION
from kubern.base.clock import rfc3339, rfc3339_micro
from kubern.base.json import Obj

LABEL = "kubern.io/virtual-node"
CAPACITY = {"cpu": "32", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"}
LEASE_SECONDS = 40
_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def node(name: str) -> Obj:
    """Return the Node that a virtual node registers."""
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": "amd64",
        LABEL: "true",
    }
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": {}, "status": {}}


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
    """Return the status a pod moves to, None when it is where it belongs: running, or, if a Job's, done a moment later."""
    status = pod.get("status") or {}
    phase = status.get("phase")
    if phase in ("Succeeded", "Failed"):
        return None
    if phase != "Running":
        return _status(pod, status, ip, host_ip, rfc3339(now), done=False)
    if ends_by_itself(pod):
        return _status(pod, status, ip, host_ip, rfc3339(now), done=True)
    return None


def ends_by_itself(pod: Obj) -> bool:
    """Whether a pod's work has an end: a Job's pods do."""
    return any(owner.get("kind") == "Job" for owner in pod["metadata"].get("ownerReferences") or ())


def _status(pod: Obj, before: Obj, ip: str, host_ip: str, stamp: str, *, done: bool) -> Obj:
    spec = pod["spec"]
    started = before.get("startTime") or stamp
    ready = "False" if done else "True"
    reason = {"reason": "PodCompleted"} if done else {}
    held = {c["type"]: c for c in before.get("conditions") or ()}
    conditions = []
    for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"):
        value = ready if kind in ("Ready", "ContainersReady", "PodReadyToStartContainers") else "True"
        changed = held[kind]["lastTransitionTime"] if held.get(kind, {}).get("status") == value else stamp
        conditions.append(
            {"type": kind, "status": value, "lastProbeTime": None, "lastTransitionTime": changed}
            | (reason if value == "False" else {})
        )
    return {
        "phase": "Succeeded" if done else "Running",
        "conditions": conditions,
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "startTime": started,
        "initContainerStatuses": [_container(c, started, stamp, done=True) for c in spec.get("initContainers") or ()]
        or None,
        "containerStatuses": [_container(c, started, stamp, done=done) for c in spec["containers"]],
    }


def _container(container: Obj, started: str, stamp: str, *, done: bool) -> Obj:
    identity = f"virtual://{container['name']}"
    if done:
        ended = {
            "exitCode": 0,
            "reason": "Completed",
            "startedAt": started,
            "finishedAt": stamp,
            "containerID": identity,
        }
        state: Obj = {"terminated": ended}
    else:
        state = {"running": {"startedAt": stamp}}
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "containerID": identity,
        "ready": not done,
        "started": not done,
        "restartCount": 0,
        "lastState": {},
        "state": state,
    }
