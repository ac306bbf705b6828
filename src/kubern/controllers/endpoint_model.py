"""From Services and pods to endpoints: which pods, in which state, on which ports. Pure; shared by EndpointSlice and Endpoints.

Source: the EndpointSlice documentation (conditions ready, serving, terminating; ports by name).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.client.labels import selects_map
from kubern.controllers.cache import Cache
from kubern.controllers.pods import is_finished, is_ready
from kubern.controllers.resources import PODS, SERVICES


class Port(NamedTuple):
    """A resolved port. `number` is None for a Service without ports."""

    name: str
    protocol: str
    number: int | None
    app_protocol: str = ""


class Conditions(NamedTuple):
    """An endpoint's conditions."""

    ready: bool
    serving: bool
    terminating: bool


def selecting_services(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """Return the Services that select a pod, before or after its change, when the change matters to endpoints."""
    if before is not None and after is not None and _facts(before) == _facts(after):
        return ()
    found: set[Key] = set()
    for pod in (before, after):
        if pod is not None:
            labels = pod["metadata"].get("labels")
            services = cache.list(SERVICES, pod["metadata"].get("namespace", ""))
            found.update(key_of(s) for s in services if selects_map(s["spec"].get("selector"), labels))
    return found


def _facts(pod: Obj) -> tuple[object, ...]:
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    return (
        meta.get("labels"),
        meta.get("deletionTimestamp"),
        spec.get("nodeName"),
        spec.get("hostname"),
        spec.get("subdomain"),
        status.get("podIPs"),
        status.get("podIP"),
        status.get("phase"),
        is_ready(pod),
    )


def selected_pods(service: Obj, cache: Cache) -> list[Obj]:
    """Return the pods that a Service selects and that have an address, in a stable order."""
    namespace = service["metadata"]["namespace"]
    selector = service["spec"].get("selector")
    pods = [pod for pod in cache.list(PODS, namespace) if selects_map(selector, pod["metadata"].get("labels"))]
    return sorted((pod for pod in pods if _counts(pod)), key=lambda pod: str(pod["metadata"]["name"]))


def _counts(pod: Obj) -> bool:
    return bool(addresses(pod)) and bool(pod["spec"].get("nodeName")) and not is_finished(pod)


def addresses(pod: Obj) -> list[str]:
    """Return the pod's addresses of both families."""
    status = pod.get("status") or {}
    listed = [entry["ip"] for entry in status.get("podIPs") or () if entry.get("ip")]
    return listed or ([status["podIP"]] if status.get("podIP") else [])


def address_of(pod: Obj, family: str) -> str | None:
    """Return the pod's address of a family (IPv4 or IPv6), or None."""
    return next((ip for ip in addresses(pod) if (":" in ip) == (family == "IPv6")), None)


def families(service: Obj) -> list[str]:
    """Return the address families of a Service."""
    return list(service["spec"].get("ipFamilies") or ["IPv4"])


def conditions(service: Obj, pod: Obj) -> Conditions:
    """Return an endpoint's conditions; publishNotReadyAddresses makes every pod ready."""
    terminating = bool(pod["metadata"].get("deletionTimestamp"))
    serving = is_ready(pod)
    ready = bool(service["spec"].get("publishNotReadyAddresses")) or (serving and not terminating)
    return Conditions(ready, serving, terminating)


def ports(service: Obj, pod: Obj) -> tuple[Port, ...]:
    """Return a Service's ports as this pod serves them; a named port that it lacks is left out."""
    listed = service["spec"].get("ports") or ()
    if not listed and service["spec"].get("clusterIP") == "None":
        return (Port("", "", None),)
    found = []
    for port in listed:
        number = _number(port, pod)
        if number is not None:
            name, protocol = port.get("name") or "", port.get("protocol") or "TCP"
            found.append(Port(name, protocol, number, port.get("appProtocol") or ""))
    return tuple(found)


def _number(port: Obj, pod: Obj) -> int | None:
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    protocol = port.get("protocol") or "TCP"
    sidecars = [c for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in (*pod["spec"].get("containers", ()), *sidecars):
        for each in container.get("ports") or ():
            if each.get("name") == target and (each.get("protocol") or "TCP") == protocol:
                return int(each["containerPort"])
    return int(target) if target.isdigit() else None


def target_reference(pod: Obj) -> Obj:
    """Return the reference to the pod behind an endpoint."""
    meta = pod["metadata"]
    return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}


def hostname(service: Obj, pod: Obj) -> str:
    """Return the endpoint's DNS name: a pod has one that names this Service as its subdomain."""
    spec = pod["spec"]
    here = spec.get("subdomain") == service["metadata"]["name"]
    return str(spec["hostname"]) if here and spec.get("hostname") else ""


def hints(service: Obj, node: str, zone: str) -> Obj:
    """Return who should use an endpoint on this node, as the Service's `trafficDistribution` wants it; empty: everybody."""
    wanted = service["spec"].get("trafficDistribution")
    if wanted not in ("PreferClose", "PreferSameZone", "PreferSameNode"):
        return {}
    near: Obj = {"forZones": [{"name": zone}]} if zone else {}
    return near | ({"forNodes": [{"name": node}]} if wanted == "PreferSameNode" else {})


def service_labels(service: Obj) -> dict[str, str]:
    """Return a Service's labels as they are carried over to its endpoints."""
    reserved = (
        "kubernetes.io/service-name",
        "endpointslice.kubernetes.io/managed-by",
        "service.kubernetes.io/headless",
    )
    labels = service["metadata"].get("labels") or {}
    return {name: value for name, value in labels.items() if name not in reserved}


def is_headless(service: Obj) -> bool:
    """Say whether a Service has no virtual address."""
    return bool(service["spec"].get("clusterIP") == "None")


def trigger_time(service: Obj, pods: Sequence[Obj]) -> str:
    """Return when the newest thing that these endpoints reflect happened (an RFC 3339 time), or nothing."""
    times = [service["metadata"].get("creationTimestamp") or ""]
    for pod in pods:
        for condition in (pod.get("status") or {}).get("conditions") or ():
            if condition["type"] == "Ready":
                times.append(condition.get("lastTransitionTime") or "")
    return max(times)
