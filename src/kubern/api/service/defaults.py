"""Defaults of a Service, and what an update keeps or drops. Called by the Service resource.

What always holds: a field that was given is kept; addresses and node ports are allocated by the apiserver, never here.
"""

from __future__ import annotations

from kubern.api.rules.values import fill, fill_empty, section
from kubern.base.json import Obj

AFFINITY_SECONDS = 10800
_NODE_PORT_TYPES = ("NodePort", "LoadBalancer")
_ADDRESS_FIELDS = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")


def default_service(service: Obj) -> None:
    """Fill a Service in place; its address families are settled with its addresses."""
    spec = section(service, "spec")
    fill_empty(spec, type="ClusterIP", sessionAffinity="None")
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        fill(section(section(spec, "sessionAffinityConfig"), "clientIP"), timeoutSeconds=AFFINITY_SECONDS)
    for port in spec.get("ports") or ():
        fill_empty(port, protocol="TCP")
        fill_empty(port, targetPort=port.get("port") or 0)
    if externally_accessible(spec):
        fill_empty(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)
    if has_address(spec):
        fill(spec, internalTrafficPolicy="Cluster")
        if spec.get("clusterIP"):
            fill_empty(spec, clusterIPs=[spec["clusterIP"]])
        elif spec.get("clusterIPs"):
            spec["clusterIP"] = spec["clusterIPs"][0]
    elif spec.get("clusterIP"):
        fill_empty(spec, clusterIPs=[spec["clusterIP"]])  # which is then refused
    status = section(service, "status")
    for ingress in section(status, "loadBalancer").get("ingress") or ():
        if ingress.get("ip"):
            fill(ingress, ipMode="VIP")


def prepare_create(service: Obj) -> None:
    """Start a new Service with an empty load balancer."""
    service["status"] = {"loadBalancer": {}}


def prepare_update(new: Obj, old: Obj) -> None:
    """Keep what was allocated where the update leaves it out, and drop what the new type has no use for."""
    fresh, stored = new["spec"], old.get("spec") or {}
    _follow_first_address(fresh, stored)
    _keep_allocated(fresh, stored)
    _drop_unused(fresh, stored)


def has_address(spec: Obj) -> bool:
    """Tell whether a Service of this type has a cluster address (or is headless)."""
    return spec.get("type") in ("ClusterIP", "NodePort", "LoadBalancer")


def has_node_ports(spec: Obj) -> bool:
    """Tell whether a Service of this type has node ports."""
    return spec.get("type") in _NODE_PORT_TYPES


def externally_accessible(spec: Obj) -> bool:
    """Tell whether traffic from outside the cluster may reach the Service."""
    return has_node_ports(spec) or (spec.get("type") == "ClusterIP" and bool(spec.get("externalIPs")))


def _needs_health_port(spec: Obj) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _follow_first_address(fresh: Obj, stored: Obj) -> None:
    """Let a client that knows only `clusterIP` change it, and `clusterIPs` follow."""
    single, several = fresh.get("clusterIP") or "", fresh.get("clusterIPs") or []
    if single != (stored.get("clusterIP") or "") and several == (stored.get("clusterIPs") or []) and several:
        if single:
            fresh["clusterIPs"] = [single]
        else:
            fresh.pop("clusterIPs")


def _keep_allocated(fresh: Obj, stored: Obj) -> None:
    if has_address(stored) and has_address(fresh):
        if not fresh.get("clusterIP") and stored.get("clusterIP"):
            fresh["clusterIP"] = stored["clusterIP"]
        if (
            not fresh.get("clusterIPs")
            and fresh.get("clusterIP") == stored.get("clusterIP")
            and stored.get("clusterIPs")
        ):
            fresh["clusterIPs"] = stored["clusterIPs"]
        for name in ("ipFamilies", "ipFamilyPolicy"):
            if not fresh.get(name) and stored.get(name):
                fresh[name] = stored[name]
    if has_node_ports(stored) and has_node_ports(fresh):
        before = {_port_key(port): port["nodePort"] for port in stored.get("ports") or () if port.get("nodePort")}
        asked = {port.get("nodePort") for port in fresh.get("ports") or ()}
        for port in fresh.get("ports") or ():
            kept = before.get(_port_key(port))
            if not port.get("nodePort") and kept and kept not in asked:
                port["nodePort"] = kept
    health = stored.get("healthCheckNodePort")
    if health and _needs_health_port(stored) and _needs_health_port(fresh):
        fill_empty(fresh, healthCheckNodePort=health)


def _port_key(port: Obj) -> tuple[str, int]:
    return port.get("protocol") or "TCP", port.get("port") or 0


def _drop_unused(fresh: Obj, stored: Obj) -> None:
    """Drop what belonged to the old type, when the client did not change it itself."""
    if has_address(stored) and not has_address(fresh):
        if (fresh.get("clusterIP") or "") in ("", stored.get("clusterIP")):
            _drop(fresh, _ADDRESS_FIELDS)
        if fresh.get("internalTrafficPolicy") == stored.get("internalTrafficPolicy"):
            _drop(fresh, ("internalTrafficPolicy",))
    if has_node_ports(stored) and not has_node_ports(fresh):
        before = {port.get("nodePort") for port in stored.get("ports") or ()}
        for port in fresh.get("ports") or ():
            if port.get("nodePort") in before:
                port.pop("nodePort", None)
    if _needs_health_port(stored) and not _needs_health_port(fresh):
        _drop_same(fresh, stored, ("healthCheckNodePort",))
    if stored.get("type") == "LoadBalancer" and fresh.get("type") != "LoadBalancer":
        _drop_same(fresh, stored, ("allocateLoadBalancerNodePorts", "loadBalancerClass"))
    if externally_accessible(stored) and not externally_accessible(fresh):
        _drop_same(fresh, stored, ("externalTrafficPolicy",))


def _drop_same(fresh: Obj, stored: Obj, fields: tuple[str, ...]) -> None:
    _drop(fresh, tuple(name for name in fields if fresh.get(name) == stored.get(name)))


def _drop(spec: Obj, fields: tuple[str, ...]) -> None:
    for name in fields:
        spec.pop(name, None)
