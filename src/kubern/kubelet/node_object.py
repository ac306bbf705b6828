"""The Node object: what the kubelet registers and reports. Pure. Source: the Kubernetes documentation, "Node Status"."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.base.quantity import parse
from kubern.kubelet.machine import Machine, Usage
from kubern.kubelet.runtime.contract import Condition, Image, Version
from kubern.kubelet.settings import Settings

KUBELET_VERSION = "v1.36.0"
_MAX_IMAGES = 50


class Report(NamedTuple):
    """What one report of the node rests on. `runtime` is None when the runtime does not answer."""

    usage: Usage
    runtime: tuple[Condition, ...] | None
    version: Version
    images: Sequence[Image]
    now: datetime


def capacity(machine: Machine, settings: Settings) -> dict[str, str]:
    """Return what the node has."""
    return {
        "cpu": str(machine.cpus),
        "ephemeral-storage": f"{machine.disk // 1024}Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": f"{machine.memory // 1024}Ki",
        "pods": str(settings.max_pods),
    }


def allocatable(machine: Machine, settings: Settings) -> dict[str, str]:
    """Return what pods may ask for: the capacity less what is reserved and what eviction keeps free."""
    reserved = settings.system_reserved
    milli = machine.cpus * 1000 - (parse(reserved["cpu"]).milli() if "cpu" in reserved else 0)
    memory = (
        machine.memory
        - settings.least("memory.available", machine.memory)
        - (parse(reserved["memory"]).value() if "memory" in reserved else 0)
    )
    disk = machine.disk - settings.least("nodefs.available", machine.disk)
    if "ephemeral-storage" in reserved:
        disk -= parse(reserved["ephemeral-storage"]).value()
    return capacity(machine, settings) | {
        "cpu": str(milli // 1000) if milli % 1000 == 0 else f"{milli}m",
        "memory": f"{max(memory, 0) // 1024}Ki",
        "ephemeral-storage": str(max(disk, 0)),
    }


def labels(machine: Machine, settings: Settings) -> dict[str, str]:
    """Return the labels that the kubelet keeps on its node."""
    return {
        "beta.kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/hostname": settings.node_name,
        "kubernetes.io/os": "linux",
        **settings.node_labels,
    }


def node_object(machine: Machine, settings: Settings) -> Obj:
    """Return the Node as it is registered, without status."""
    spec: Obj = {}
    if settings.taints:
        spec["taints"] = [dict(taint) for taint in settings.taints]
    if settings.pod_cidr:
        spec |= {"podCIDR": settings.pod_cidr, "podCIDRs": [settings.pod_cidr]}
    if settings.provider_id:
        spec["providerID"] = settings.provider_id
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": settings.node_name,
            "labels": labels(machine, settings),
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        },
        "spec": spec,
    }


def node_status(machine: Machine, settings: Settings, report: Report, old: Obj) -> Obj:
    """Return the node's status; a condition that stays as it is in `old` keeps its transition time."""
    return {
        "capacity": capacity(machine, settings),
        "allocatable": allocatable(machine, settings),
        "addresses": _addresses(settings),
        "conditions": _conditions(report, machine, settings, old),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": settings.port}},
        "nodeInfo": _node_info(machine, report.version),
        "images": _images(report.images),
    }


def _addresses(settings: Settings) -> list[Obj]:
    internal = [{"type": "InternalIP", "address": str(ipaddress.ip_address(ip))} for ip in settings.node_ips]
    return [*internal, {"type": "Hostname", "address": settings.node_name}]


def _node_info(machine: Machine, version: Version) -> Obj:
    return {
        "machineID": machine.machine_id,
        "systemUUID": machine.system_uuid,
        "bootID": machine.boot_id,
        "kernelVersion": machine.kernel,
        "osImage": machine.os_image,
        "containerRuntimeVersion": f"{version.name}://{version.version}",
        "kubeletVersion": KUBELET_VERSION,
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": machine.architecture,
        "swap": {"capacity": machine.swap},
    }


def _images(images: Sequence[Image]) -> list[Obj]:
    """Return the largest images with their names, as the scheduler's image locality wants to know them."""
    largest = sorted(images, key=lambda image: (-image.size, image.id))[:_MAX_IMAGES]
    return [{"names": [*image.digests, *image.tags][:5], "sizeBytes": image.size} for image in largest]


def under_pressure(usage: Usage, machine: Machine, settings: Settings) -> Mapping[str, bool]:
    """Return which pressures there are: memory, disk, process ids."""
    return {
        "MemoryPressure": usage.memory_available < settings.least("memory.available", machine.memory),
        "DiskPressure": usage.disk_available < settings.least("nodefs.available", usage.disk_capacity),
        "PIDPressure": usage.pids_available < settings.least("pid.available", usage.pids_max),
    }


_PRESSURE = {
    "MemoryPressure": ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available",
                       "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("KubeletHasDiskPressure", "kubelet has disk pressure",
                     "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("KubeletHasInsufficientPID", "kubelet has insufficient PID available",
                    "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
}  # fmt: skip


def _conditions(report: Report, machine: Machine, settings: Settings, old: Obj) -> list[Obj]:
    fresh = []
    for kind, there in under_pressure(report.usage, machine, settings).items():
        yes_reason, yes_message, no_reason, no_message = _PRESSURE[kind]
        reason, message = (yes_reason, yes_message) if there else (no_reason, no_message)
        fresh.append({"type": kind, "status": "True" if there else "False", "reason": reason, "message": message})
    problem = not_ready(report.runtime)
    fresh.append(
        {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": problem}
        if problem
        else {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}
    )
    before = {each["type"]: each for each in old.get("conditions") or ()}
    now = rfc3339(report.now)
    for each in fresh:
        last = before.get(each["type"])
        same = last is not None and last.get("status") == each["status"] and last.get("lastTransitionTime")
        each["lastHeartbeatTime"] = now
        each["lastTransitionTime"] = last["lastTransitionTime"] if last is not None and same else now
    return fresh


def not_ready(runtime: Sequence[Condition] | None) -> str:
    """Return why the node cannot run pods, "" when it can."""
    if runtime is None:
        return "container runtime is down"
    problems = []
    found = {condition.type: condition for condition in runtime}
    for kind, name in (
        ("RuntimeReady", "container runtime not ready"),
        ("NetworkReady", "container runtime network not ready"),
    ):
        condition = found.get(kind)
        if condition is None:
            problems.append(f"{name}: condition {kind} is missing")
        elif not condition.status:
            problems.append(f"{name}: {kind}=false reason:{condition.reason} message:{condition.message}")
    return "[" + ", ".join(problems) + "]" if len(problems) > 1 else "".join(problems)


def significant(status: Obj) -> Obj:
    """Return a node status without its heartbeat times: what makes it worth writing again."""
    conditions = [
        {name: value for name, value in each.items() if name != "lastHeartbeatTime"}
        for each in status.get("conditions") or ()
    ]
    return status | {"conditions": conditions}


def differs(status: Obj, known: Obj) -> bool:
    """Whether the API knows something else than `status` of what a kubelet reports; what others add to it does not count."""
    held = {each["type"]: each for each in known.get("conditions") or ()}
    conditions = [held.get(each["type"], {}) for each in status.get("conditions") or ()]
    same = {name: known.get(name) for name in status} | {"conditions": conditions}
    return significant(status) != significant(same)
