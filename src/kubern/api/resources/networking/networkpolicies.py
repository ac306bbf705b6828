"""NetworkPolicy: its facts, defaults, checks and columns."""

from __future__ import annotations

import ipaddress

from kubern.api import field, names
from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import named
from kubern.api.rules.values import fill, items, section
from kubern.api.selectors import check_label_selector
from kubern.base.errors import Cause
from kubern.base.json import Obj

_PROTOCOLS = ("TCP", "UDP", "SCTP")
_TYPES = ("Ingress", "Egress")
_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def default(obj: Obj) -> None:
    """Fill a NetworkPolicy: it limits what comes in, and what goes out when it has egress rules; ports are TCP."""
    spec = section(obj, "spec")
    fill(spec, podSelector={})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for direction in ("ingress", "egress"):
        for _, rule in items(spec, direction):
            for port in rule.get("ports") or ():
                fill(port, protocol="TCP")


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a NetworkPolicy."""
    spec = obj.get("spec") or {}
    causes = check_label_selector(spec.get("podSelector"), "spec.podSelector")
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for i, rule in items(spec, direction):
            causes += _check_rule(rule, peers, f"spec.{direction}[{i}]")
    types = spec.get("policyTypes") or []
    if len(types) > len(_TYPES):
        return [*causes, field.invalid("spec.policyTypes", types, "may not specify more than two policyTypes")]
    for i, kind in enumerate(types):
        if kind not in _TYPES:
            causes.append(field.not_supported(f"spec.policyTypes[{i}]", kind, _TYPES))
    return causes


def _check_rule(rule: Obj, peers: str, path: str) -> list[Cause]:
    causes = []
    for i, port in items(rule, "ports"):
        causes += _check_port(port, f"{path}.ports[{i}]")
    for i, peer in items(rule, peers):
        causes += _check_peer(peer, f"{path}.{peers}[{i}]")
    return causes


def _check_port(port: Obj, path: str) -> list[Cause]:
    causes, number, end = [], port.get("port"), port.get("endPort")
    if port.get("protocol") not in _PROTOCOLS:
        causes.append(field.not_supported(f"{path}.protocol", port.get("protocol") or "", _PROTOCOLS))
    if isinstance(number, int):
        causes += [field.invalid(f"{path}.port", number, message) for message in names.port_number(number)]
        if end is not None and end < number:
            causes.append(field.invalid(f"{path}.endPort", end, "must be greater than or equal to `port`"))
    elif isinstance(number, str):
        causes += named(number, f"{path}.port", names.port_name)
        if end is not None:
            message = "may not be specified when `port` is non-numeric"
            causes.append(field.invalid(f"{path}.endPort", end, message))
    elif end is not None:
        causes.append(field.invalid(f"{path}.endPort", end, "may not be specified when `port` is not specified"))
    if end is not None:
        causes += [field.invalid(f"{path}.endPort", end, message) for message in names.port_number(end)]
    return causes


def _check_peer(peer: Obj, path: str) -> list[Cause]:
    given = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(name) is not None]
    if not given:
        return [field.required(path, "must specify a peer")]
    selectors = [name for name in given if name != "ipBlock"]
    causes = [cause for name in selectors for cause in check_label_selector(peer[name], f"{path}.{name}")]
    if "ipBlock" in given:
        causes += _check_block(peer["ipBlock"], f"{path}.ipBlock")
        if selectors:
            causes.append(field.forbidden(path, "may not specify both ipBlock and another peer"))
    return causes


def _check_block(block: Obj, path: str) -> list[Cause]:
    cidr = block.get("cidr") or ""
    if not cidr:
        return [field.required(f"{path}.cidr", "")]
    network, causes = _network(cidr), []
    if network is None:
        return [field.invalid(f"{path}.cidr", cidr, _CIDR)]
    for i, text in items(block, "except"):
        here, inner = f"{path}.except[{i}]", _network(text)
        if inner is None:
            causes.append(field.invalid(here, text, _CIDR))
        elif inner == network or inner.version != network.version or not inner.subnet_of(network):  # type: ignore[arg-type]
            causes.append(field.invalid(here, text, "must be a strict subset of `cidr`"))
    return causes


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.selector("spec.podSelector", "Pod-Selector", wide=False),
    cells.AGE,
)


RESOURCE = Resource(
    group="networking.k8s.io",
    version="v1",
    kind="NetworkPolicy",
    plural="networkpolicies",
    singular="networkpolicy",
    namespaced=True,
    schema="io.k8s.api.networking.v1.NetworkPolicy",
    short_names=("netpol",),
    generation=True,
    columns=COLUMNS,
    default=default,
    validate=validate,
)
