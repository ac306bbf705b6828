"""Checks of a Service. Called by the Service resource; paths and wording are upstream's."""

from __future__ import annotations

from typing import Any

from kubern.api import field, names
from kubern.api.metadata import check_labels
from kubern.api.podspec.check_probes import port_or_name
from kubern.api.rules.addresses import special_address
from kubern.api.rules.checks import one_of
from kubern.api.rules.load_balancers import check_points
from kubern.api.service.addresses import check_address_update, check_cluster_addresses
from kubern.api.service.defaults import externally_accessible, has_address
from kubern.api.structs import SERVICE_PORT, struct
from kubern.base.errors import Cause
from kubern.base.json import Obj

_TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
_PROTOCOLS = ["SCTP", "TCP", "UDP"]
_DISTRIBUTIONS = ["PreferClose", "PreferSameNode", "PreferSameZone"]
_MAX_AFFINITY_SECONDS = 86400
_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_HINTS, _TOPOLOGY = "service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"
_ONLY_BALANCER = "may only be used when `type` is 'LoadBalancer'"
_NOT_EXTERNAL = "may not be set for ExternalName services"


def validate_service(service: Obj) -> list[Cause]:
    """Return what is wrong with a Service."""
    spec = service.get("spec") or {}
    causes = _check_topology(service) + _check_type(spec)
    causes += _check_ports(spec)
    causes += check_labels(spec.get("selector"), "spec.selector")
    causes += _check_affinity(spec)
    causes += _check_addresses(spec)
    causes += one_of(spec, "type", "spec.", _TYPES)
    causes += _check_node_ports(spec)
    causes += _check_duplicate_ports(spec)
    causes += _check_ranges(service, spec)
    causes += _check_balancer(spec)
    return causes + _check_traffic(spec)


def validate_service_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what an update may not do: change an address once it is set, or a load balancer's class."""
    fresh, stored = new.get("spec") or {}, old.get("spec") or {}
    causes = check_address_update(fresh, stored)
    if fresh.get("type") == stored.get("type") == "LoadBalancer":
        now, before = fresh.get("loadBalancerClass"), stored.get("loadBalancerClass")
        if now != before:
            causes.append(field.invalid("spec.loadBalancerClass", now, "may not change once set"))
    local = [
        each.get("type") == "LoadBalancer" and each.get("externalTrafficPolicy") == "Local" for each in (fresh, stored)
    ]
    if all(local) and fresh.get("healthCheckNodePort") != stored.get("healthCheckNodePort"):
        causes.append(field.forbidden("spec.healthCheckNodePort", "field is immutable"))
    return causes


def validate_service_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with where a Service is said to be reached from outside."""
    balancer = (new.get("status") or {}).get("loadBalancer") or {}
    points = balancer.get("ingress") or []
    if points and (new.get("spec") or {}).get("type") != "LoadBalancer":
        return [field.forbidden("status.loadBalancer.ingress", "may only be used when `spec.type` is 'LoadBalancer'")]
    return check_points(points, modes=True)


def _check_type(spec: Obj) -> list[Cause]:
    kind, headless = spec.get("type"), spec.get("clusterIP") == "None"
    causes: list[Cause] = []
    if not spec.get("ports") and not headless and kind != "ExternalName":
        causes.append(field.required("spec.ports"))
    if headless and kind in ("LoadBalancer", "NodePort"):
        message = f"may not be set to 'None' for {kind} services"
        causes.append(field.invalid("spec.clusterIPs[0]", "None", message))
    if kind != "ExternalName":
        return causes
    for name in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(name):
            causes.append(field.forbidden(f"spec.{name}", _NOT_EXTERNAL))
    target = (spec.get("externalName") or "").removesuffix(".")
    if not target:
        causes.append(field.required("spec.externalName"))
    causes += [field.invalid("spec.externalName", target, m) for m in names.dns1123_subdomain(target) if target]
    return causes


def _check_ports(spec: Obj) -> list[Cause]:
    ports = spec.get("ports") or []
    taken: set[str] = set()
    causes: list[Cause] = []
    for i, port in enumerate(ports):
        path = f"spec.ports[{i}]"
        causes += _check_port_name(port, path, len(ports) > 1, taken)
        number = port.get("port") or 0
        causes += [field.invalid(f"{path}.port", number, message) for message in names.port_number(number)]
        causes += one_of(port, "protocol", f"{path}.", _PROTOCOLS)
        causes += port_or_name(port.get("targetPort"), f"{path}.targetPort")
        application = port.get("appProtocol")
        if application is not None:
            messages = names.qualified_name(application)
            causes += [field.invalid(f"{path}.appProtocol", application, message) for message in messages]
    return causes


def _check_port_name(port: Obj, path: str, needed: bool, taken: set[str]) -> list[Cause]:
    name = port.get("name") or ""
    if not name:
        return [field.required(f"{path}.name")] if needed else []
    causes = [field.invalid(f"{path}.name", name, message) for message in names.dns1123_label(name)]
    if name in taken:
        causes.append(field.duplicate(f"{path}.name", name))
    taken.add(name)
    return causes


def _check_affinity(spec: Obj) -> list[Cause]:
    path, affinity, config = (
        "spec.sessionAffinityConfig",
        spec.get("sessionAffinity"),
        spec.get("sessionAffinityConfig"),
    )
    causes = one_of(spec, "sessionAffinity", "spec.", ["ClientIP", "None"])
    if affinity == "None" and config is not None:
        causes.append(field.forbidden(path, "must not be set when session affinity is None"))
    if affinity == "ClientIP":
        seconds = ((config or {}).get("clientIP") or {}).get("timeoutSeconds")
        if seconds is None:
            causes.append(field.required(path, "when session affinity type is ClientIP"))
        elif not 0 < seconds <= _MAX_AFFINITY_SECONDS:
            message = f"must be greater than 0 and less than {_MAX_AFFINITY_SECONDS}"
            causes.append(field.invalid(f"{path}.clientIP.timeoutSeconds", seconds, message))
    return causes


def _check_addresses(spec: Obj) -> list[Cause]:
    causes = [] if spec.get("type") == "ExternalName" else check_cluster_addresses(spec)
    for i, address in enumerate(spec.get("externalIPs") or ()):
        messages = names.ip_address(address) or special_address(address)
        causes += [field.invalid(f"spec.externalIPs[{i}]", address, message) for message in messages]
    return causes


def _check_node_ports(spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    taken: set[Any] = set()
    for i, port in enumerate(spec.get("ports") or ()):
        number, path = port.get("nodePort") or 0, f"spec.ports[{i}].nodePort"
        if not number:
            continue
        if spec.get("type") == "ClusterIP":
            causes.append(field.forbidden(path, "may not be used when `type` is 'ClusterIP'"))
        if (port.get("protocol"), number) in taken:
            causes.append(field.duplicate(path, number))
        taken.add((port.get("protocol"), number))
    return causes


def _check_duplicate_ports(spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    taken: set[Any] = set()
    for i, port in enumerate(spec.get("ports") or ()):
        key = (port.get("protocol"), port.get("port"))
        if key in taken:
            shown = {"protocol": key[0], "port": key[1]}
            causes.append(field.duplicate(f"spec.ports[{i}]", struct(shown, SERVICE_PORT)))
        taken.add(key)
    return causes


def _check_balancer(spec: Obj) -> list[Cause]:
    balancer = spec.get("type") == "LoadBalancer"
    causes: list[Cause] = []
    if balancer and spec.get("allocateLoadBalancerNodePorts") is None:
        causes.append(field.required("allocateLoadBalancerNodePorts"))
    for name in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
        if not balancer and spec.get(name) is not None:
            causes.append(field.forbidden(f"spec.{name}", _ONLY_BALANCER))
    kind = spec.get("loadBalancerClass")
    if balancer and kind is not None:
        causes += [field.invalid("spec.loadBalancerClass", kind, message) for message in names.qualified_name(kind)]
    return causes


def _check_ranges(service: Obj, spec: Obj) -> list[Cause]:
    """Check who may come in: blocks in a field that upstream's messages spell its own way, or in the annotation before it."""
    blocks, annotations = spec.get("loadBalancerSourceRanges"), (service.get("metadata") or {}).get("annotations") or {}
    if blocks:
        path, here = "spec.LoadBalancerSourceRanges", "spec.LoadBalancerSourceRanges[{}]"
    elif _RANGES in annotations:
        path = here = f"metadata.annotations[{_RANGES}]"
        text = annotations[_RANGES].strip()
        blocks = text.split(",") if text else []
    else:
        return []
    causes = [] if spec.get("type") == "LoadBalancer" else [field.forbidden(path, _ONLY_BALANCER)]
    for i, block in enumerate(each.strip() for each in blocks):  # padding has always been taken
        causes += [field.invalid(here.format(i), block, message) for message in names.cidr(block)]
    return causes


def _check_topology(service: Obj) -> list[Cause]:
    annotations = (service.get("metadata") or {}).get("annotations") or {}
    old, new = annotations.get(_HINTS), annotations.get(_TOPOLOGY)
    if old is None or new is None or old == new:
        return []
    message = f"must match annotations[{_HINTS}] when both are specified"
    return [field.invalid(f"metadata.annotations[{_TOPOLOGY}]", new, message)]


def _check_traffic(spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    outside, inside = spec.get("externalTrafficPolicy"), spec.get("internalTrafficPolicy")
    if outside and not externally_accessible(spec):
        message = "may only be set for externally-accessible services"
        causes.append(field.invalid("spec.externalTrafficPolicy", outside, message))
    elif externally_accessible(spec):
        causes += one_of(spec, "externalTrafficPolicy", "spec.", ["Cluster", "Local"])
    local = spec.get("type") == "LoadBalancer" and outside == "Local"
    if spec.get("healthCheckNodePort") and not local:
        message = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        causes.append(field.invalid("spec.healthCheckNodePort", spec["healthCheckNodePort"], message))
    if inside is not None or has_address(spec):
        causes += one_of(spec, "internalTrafficPolicy", "spec.", ["Cluster", "Local"])
    return causes + one_of(spec, "trafficDistribution", "spec.", _DISTRIBUTIONS, needed=False)
