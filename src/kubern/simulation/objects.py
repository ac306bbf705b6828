"""What a virtual node says of itself. Pure: times in, objects out."""

from __future__ import annotations

from datetime import datetime

from kubern import KUBERNETES_VERSION
from kubern.base.clock import rfc3339, rfc3339_micro
from kubern.base.json import Obj

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


def lease(name: str, now: datetime, uid: str) -> Obj:
    """Return a node's heartbeat; it goes with the node of that uid."""
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease", "ownerReferences": [owner]},
        "spec": lease_spec(name, now),
    }


def lease_spec(name: str, now: datetime) -> Obj:
    """Return what a heartbeat says."""
    return {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": rfc3339_micro(now)}
