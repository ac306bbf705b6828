"""From Services and EndpointSlices to what a packet needs to know: a front end, and the back ends behind it. Pure.

Called by the proxy's loop and by tests. Source: the Service and EndpointSlice API documentation, "Virtual IPs and Service
Proxies".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kubern.base.json import Obj

PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"
HEADLESS_LABEL = "service.kubernetes.io/headless"


class Backend(NamedTuple):
    """One address that serves a port."""

    ip: str
    port: int
    local: bool
    """Whether it is on this node."""


class Port(NamedTuple):
    """One port of one Service as this node serves it. `cluster` and `local` are the back ends for either traffic policy."""

    key: str
    """namespace/name:port name, unique; the rules' names come from it."""
    protocol: str
    """tcp, udp or sctp."""
    cluster_ip: str
    port: int
    node_port: int
    external_ips: tuple[str, ...]
    """External IPs and load balancer addresses."""
    affinity: int
    """Seconds that a client stays with its back end; 0: none."""
    internal_local: bool
    external_local: bool
    source_ranges: tuple[str, ...]
    """Who may use the load balancer's address; empty: everybody."""
    cluster: tuple[Backend, ...]
    local: tuple[Backend, ...]


def ports(services: Iterable[Obj], slices: Iterable[Obj], node: str) -> list[Port]:
    """Return every Service port this node has to serve, ordered by key; `slices` are all IPv4 EndpointSlices."""
    by_service: dict[tuple[str, str], list[Obj]] = {}
    for each in slices:
        name = (each["metadata"].get("labels") or {}).get("kubernetes.io/service-name")
        if name and each.get("addressType") == "IPv4":
            by_service.setdefault((each["metadata"]["namespace"], name), []).append(each)
    found = []
    for service in services:
        if _served(service):
            meta = service["metadata"]
            found += _service_ports(service, by_service.get((meta["namespace"], meta["name"]), ()), node)
    return sorted(found, key=lambda port: port.key)


def _served(service: Obj) -> bool:
    spec, labels = service.get("spec") or {}, service["metadata"].get("labels") or {}
    return (
        spec.get("type") != "ExternalName"
        and spec.get("clusterIP") not in (None, "", "None")
        and ":" not in spec["clusterIP"]
        and PROXY_NAME_LABEL not in labels
        and HEADLESS_LABEL not in labels
    )


def _service_ports(service: Obj, slices: Iterable[Obj], node: str) -> list[Port]:
    meta, spec = service["metadata"], service["spec"]
    affinity = 0
    if spec.get("sessionAffinity") == "ClientIP":
        affinity = ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds") or 10800
    balancers = [
        i["ip"] for i in ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or () if i.get("ip")
    ]
    external = tuple(dict.fromkeys(ip for ip in [*(spec.get("externalIPs") or ()), *balancers] if ":" not in ip))
    found = []
    for port in spec.get("ports") or ():
        name = port.get("name") or ""
        everywhere = _backends(slices, name, port.get("protocol", "TCP"), node)
        here = _usable([(b, ready, serving) for b, ready, serving in everywhere if b.local])
        found.append(
            Port(
                f"{meta['namespace']}/{meta['name']}:{name}",
                port.get("protocol", "TCP").lower(),
                spec["clusterIP"],
                port["port"],
                port.get("nodePort") or 0,
                external,
                affinity,
                spec.get("internalTrafficPolicy") == "Local",
                spec.get("externalTrafficPolicy") == "Local",
                tuple(r for r in spec.get("loadBalancerSourceRanges") or () if ":" not in r),
                _usable(everywhere),
                here,
            )
        )
    return found


def _backends(slices: Iterable[Obj], name: str, protocol: str, node: str) -> list[tuple[Backend, bool, bool]]:
    """Return the (back end, ready, serving while terminating) of every endpoint that has the named port."""
    found = []
    for each in slices:
        for port in each.get("ports") or ():
            if (port.get("name") or "") != name or port.get("protocol", "TCP") != protocol or not port.get("port"):
                continue
            for endpoint in each.get("endpoints") or ():
                found.append(_endpoint(endpoint, port["port"], node))
    return found


def _endpoint(endpoint: Obj, port: int, node: str) -> tuple[Backend, bool, bool]:
    conditions: Mapping[str, bool | None] = endpoint.get("conditions") or {}
    # an absent `ready` means ready, an absent `serving` means what `ready` says
    ready = conditions.get("ready") is not False
    serving = ready if conditions.get("serving") is None else bool(conditions["serving"])
    backend = Backend(endpoint["addresses"][0], port, endpoint.get("nodeName") == node)
    return backend, ready, serving and bool(conditions.get("terminating"))


def _usable(endpoints: list[tuple[Backend, bool, bool]]) -> tuple[Backend, ...]:
    """Return the ready back ends; when there is none, those that still serve while they terminate (KEP-1669)."""
    ready = {backend for backend, is_ready, _ in endpoints if is_ready}
    return tuple(sorted(ready or {backend for backend, _, terminating in endpoints if terminating}))
