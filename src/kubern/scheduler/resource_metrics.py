"""`/metrics/resources`: what each pod requests and may use, as scheduler and kubelet reckon it. Pure.

Shown at the scheduler's port. Source: the Kubernetes documentation, "kube-scheduler metrics".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubern.api.quota import counts_for_pods, pod_amounts
from kubern.base.json import Obj
from kubern.base.metrics import Family
from kubern.base.quantity import Quantity
from kubern.scheduler.profile import DEFAULT_NAME

PATH = "/metrics/resources"
_LABELS = ("namespace", "pod", "node", "scheduler", "priority", "resource", "unit")
_HELP = (
    "[STABLE] Resources {what} for workloads on the cluster, broken down by pod. This shows the resource usage the scheduler and "
    "kubelet expect per pod for resources along with the unit for the resource if any."
)
_BYTES = ("memory", "storage", "ephemeral-storage")


def pod_resources(pods: Iterable[Obj]) -> Iterator[Family]:
    """Yield the requests and the limits of all pods that have not ended."""
    requests: dict[tuple[str, ...], float] = {}
    limits: dict[tuple[str, ...], float] = {}
    for pod in pods:
        if counts_for_pods(pod):
            spec = pod["spec"]
            _add(requests, pod, pod_amounts(spec, "requests"))
            limited = {name for each in _containers(spec) for name in (each.get("resources") or {}).get("limits") or ()}
            found = pod_amounts(spec, "limits")
            _add(limits, pod, {name: found[name] for name in limited})
    yield Family("kube_pod_resource_request", "gauge", _HELP.format(what="requested"), _LABELS, requests)
    yield Family("kube_pod_resource_limit", "gauge", _HELP.format(what="limit"), _LABELS, limits)


def _containers(spec: Obj) -> Iterator[Obj]:
    yield from spec.get("containers") or ()
    yield from spec.get("initContainers") or ()


def _add(series: dict[tuple[str, ...], float], pod: Obj, found: dict[str, Quantity]) -> None:
    meta, spec = pod["metadata"], pod["spec"]
    priority = spec.get("priority")
    head = (
        meta["namespace"], meta["name"], spec.get("nodeName", ""), spec.get("schedulerName", DEFAULT_NAME),
        "" if priority is None else str(priority),
    )  # fmt: skip
    for resource, amount in sorted(found.items()):
        if value := float(amount):
            series[*head, resource, unit_of(resource)] = value


def unit_of(resource: str) -> str:
    """Return what a resource is counted in."""
    if resource == "cpu":
        return "cores"
    if resource in _BYTES or resource.startswith("hugepages-"):
        return "bytes"
    return "integer"
