"""Quality of service: a pod's class, and the numbers that the kernel is given for it. Pure.

Source: the Kubernetes documentation, "Pod Quality of Service Classes", "Node out of memory behavior", "Resource Management for Pods".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.base.quantity import parse
from kubern.kubelet.podspec import EPHEMERAL, MAIN, SIDECAR, Step, steps
from kubern.kubelet.runtime.config import LinuxResources

GUARANTEED, BURSTABLE, BEST_EFFORT = "Guaranteed", "Burstable", "BestEffort"
PERIOD = 100_000
"""The CPU quota's period in microseconds."""
_MIN_QUOTA = 1000
_MIN_SHARES = 2
_MAX_SHARES = 262_144
_CRITICAL = 2_000_000_000
"""Priorities from here on are the system's own."""


def milli(quantities: Obj | None, resource: str = "cpu") -> int:
    """Return a quantity in thousandths, 0 when it is not there."""
    text = (quantities or {}).get(resource)
    return parse(text).milli() if text is not None else 0


def whole(quantities: Obj | None, resource: str) -> int:
    """Return a quantity in units, rounded up; 0 when it is not there."""
    text = (quantities or {}).get(resource)
    return parse(text).value() if text is not None else 0


def qos_class(pod: Obj) -> str:
    """Return Guaranteed, Burstable or BestEffort."""
    pod_level = pod["spec"].get("resources")
    asked = [step.container.get("resources") or {} for step in steps(pod) if step.role != EPHEMERAL]
    if pod_level and _any_compute(pod_level):
        return GUARANTEED if _guaranteed(pod_level) else BURSTABLE
    if not any(_any_compute(resources) for resources in asked):
        return BEST_EFFORT
    return GUARANTEED if all(_guaranteed(resources) for resources in asked) else BURSTABLE


def _any_compute(resources: Obj) -> bool:
    return any(milli(resources.get(side), name) > 0 for side in ("requests", "limits") for name in ("cpu", "memory"))


def _guaranteed(resources: Obj) -> bool:
    limits = resources.get("limits") or {}
    requests = limits | (resources.get("requests") or {})
    return all(0 < milli(limits, name) == milli(requests, name) for name in ("cpu", "memory"))


def shares(millicores: int) -> int:
    """Return cgroup v1 CPU shares: 1024 for one core, never below 2."""
    return min(max(millicores * 1024 // 1000, _MIN_SHARES), _MAX_SHARES)


def quota(millicores: int) -> int:
    """Return the CPU quota in microseconds a period; 0 for no limit."""
    return max(millicores * PERIOD // 1000, _MIN_QUOTA) if millicores else 0


def oom_score_adj(pod: Obj, container: Obj, memory_capacity: int) -> int:
    """Return how readily the kernel kills this container when memory is short: -997 (last) to 1000 (first)."""
    if int(pod["spec"].get("priority") or 0) >= _CRITICAL:
        return -997
    kind = qos_class(pod)
    if kind == GUARANTEED:
        return -997
    if kind == BEST_EFFORT:
        return 1000
    resources = container.get("resources") or {}
    request = whole(resources.get("requests"), "memory") or whole(resources.get("limits"), "memory")
    # a container that asks for half of the node's memory gets 500
    return min(max(1000 - 1000 * request // max(memory_capacity, 1), 3), 999)


def container_resources(pod: Obj, container: Obj, memory_capacity: int) -> LinuxResources:
    """Return one container's limits."""
    resources = container.get("resources") or {}
    requests, limits = resources.get("requests"), resources.get("limits")
    cpu_limit = milli(limits)
    huge = sorted(name for name in (limits or {}) if name.startswith("hugepages-"))
    return LinuxResources(
        cpu_shares=shares(milli(requests) or (cpu_limit if "cpu" not in (requests or {}) else 0)),
        cpu_quota=quota(cpu_limit),
        cpu_period=PERIOD,
        memory_limit=whole(limits, "memory"),
        oom_score_adj=oom_score_adj(pod, container, memory_capacity),
        hugepage_limits=tuple((name.removeprefix("hugepages-") + "B", whole(limits, name)) for name in huge),
    )


class PodLimits(NamedTuple):
    """The limits of a pod's own cgroup; 0 for none."""

    cpu_shares: int
    cpu_quota: int
    memory_limit: int


def pod_limits(pod: Obj) -> PodLimits:
    """Return the limits of the pod as a whole: a limit holds only when every container has one."""
    pod_level = pod["spec"].get("resources") or {}
    running = [step for step in steps(pod) if step.role in (MAIN, SIDECAR)]
    requests = total(pod)
    limits = pod_level.get("limits") or {}
    cpu = milli(limits) or _limit(running, "cpu")
    memory = whole(limits, "memory") or -(-_limit(running, "memory") // 1000)
    overhead = pod["spec"].get("overhead") or {}
    return PodLimits(
        shares(requests.get("cpu", 0)),
        quota(cpu + milli(overhead)) if cpu else 0,
        memory + whole(overhead, "memory") if memory else 0,
    )


def _limit(running: Iterable[Step], resource: str) -> int:
    amounts = [milli((step.container.get("resources") or {}).get("limits"), resource) for step in running]
    return sum(amounts) if amounts and all(amounts) else 0


def total(pod: Obj) -> dict[str, int]:
    """Return what a pod asks of the node: cpu in millicores, everything else in units.

    Its containers and sidecars together, or the hungriest moment of its initialization if that is more, and its overhead.
    """
    sidecars: dict[str, int] = {}
    peak: dict[str, int] = {}
    running: dict[str, int] = {}
    for step in steps(pod):
        asked = _requests(step.container)
        if step.role == MAIN:
            _add(running, asked)
        elif step.role == SIDECAR:
            _add(sidecars, asked)
            _raise(peak, sidecars)
        elif step.role != EPHEMERAL:
            moment = dict(sidecars)
            _add(moment, asked)
            _raise(peak, moment)
    _add(running, sidecars)
    _raise(running, peak)
    running |= _requests({"resources": pod["spec"].get("resources") or {}})
    _add(running, _amounts(pod["spec"].get("overhead") or {}))
    return running


def _requests(container: Obj) -> dict[str, int]:
    resources = container.get("resources") or {}
    return _amounts((resources.get("limits") or {}) | (resources.get("requests") or {}))


def _amounts(quantities: Obj) -> dict[str, int]:
    return {name: milli(quantities) if name == "cpu" else whole(quantities, name) for name in quantities}


def _add(into: dict[str, int], more: dict[str, int]) -> None:
    for name, amount in more.items():
        into[name] = into.get(name, 0) + amount


def _raise(into: dict[str, int], floor: dict[str, int]) -> None:
    for name, amount in floor.items():
        into[name] = max(into.get(name, 0), amount)
