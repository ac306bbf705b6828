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


class Place(NamedTuple):
    """Where this proxy is."""

    node: str
    zone: str = ""


class _Endpoint(NamedTuple):
    """A back end, its state, and which nodes and zones should prefer it (none: it says nothing)."""

    backend: Backend
    ready: bool
    terminating: bool
    """Whether it still serves while it ends."""
    nodes: frozenset[str]
    zones: frozenset[str]


def ports(services: Iterable[Obj], slices: Iterable[Obj], place: Place) -> list[Port]:
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
            found += _service_ports(service, by_service.get((meta["namespace"], meta["name"]), ()), place)
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


def _service_ports(service: Obj, slices: Iterable[Obj], place: Place) -> list[Port]:
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
        everywhere = _endpoints(slices, name, port.get("protocol", "TCP"), place.node)
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
                _usable(_near(everywhere, place)),
                _usable([each for each in everywhere if each.backend.local]),
            )
        )
    return found


def _endpoints(slices: Iterable[Obj], name: str, protocol: str, node: str) -> list[_Endpoint]:
    """Return every endpoint that has the named port."""
    found = []
    for each in slices:
        for port in each.get("ports") or ():
            if (port.get("name") or "") != name or port.get("protocol", "TCP") != protocol or not port.get("port"):
                continue
            for endpoint in each.get("endpoints") or ():
                found.append(_endpoint(endpoint, port["port"], node))
    return found


def _endpoint(endpoint: Obj, port: int, node: str) -> _Endpoint:
    conditions: Mapping[str, bool | None] = endpoint.get("conditions") or {}
    # an absent `ready` means ready, an absent `serving` means what `ready` says
    ready = conditions.get("ready") is not False
    serving = ready if conditions.get("serving") is None else bool(conditions["serving"])
    backend = Backend(endpoint["addresses"][0], port, endpoint.get("nodeName") == node)
    hints = endpoint.get("hints") or {}
    nodes, zones = (frozenset(each["name"] for each in hints.get(name) or ()) for name in ("forNodes", "forZones"))
    return _Endpoint(backend, ready, serving and bool(conditions.get("terminating")), nodes, zones)


def _near(endpoints: list[_Endpoint], place: Place) -> list[_Endpoint]:
    """Return the endpoints that this node should prefer, else its zone, else all. Hints count when every ready endpoint has some
    (KEP-2433, KEP-4444)."""
    ready = [each for each in endpoints if each.ready]
    if all(each.nodes for each in ready):
        near = [each for each in ready if place.node in each.nodes]
        if near:
            return near
    if place.zone and all(each.zones for each in ready):
        near = [each for each in ready if place.zone in each.zones]
        if near:
            return near
    return endpoints


def _usable(endpoints: list[_Endpoint]) -> tuple[Backend, ...]:
    """Return the ready back ends; when there is none, those that still serve while they terminate (KEP-1669)."""
    ready = {each.backend for each in endpoints if each.ready}
    return tuple(sorted(ready or {each.backend for each in endpoints if each.terminating}))
