"""EndpointSlice: its facts, defaults, checks and columns."""

from __future__ import annotations

import ipaddress

from kubern.api import field, names
from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable, named
from kubern.api.rules.values import at, fill
from kubern.base.errors import Cause
from kubern.base.json import Obj

ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
PROTOCOLS = ("SCTP", "TCP", "UDP")
_MAX_ENDPOINTS = 1000
_MAX_HINTS = 8
_MAX_ADDRESSES = 100
_MAX_PORTS = 20000
_SHOWN = 3


def default(obj: Obj) -> None:
    """Fill an EndpointSlice: unnamed TCP ports."""
    for port in obj.get("ports") or ():
        fill(port, name="", protocol="TCP")


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with an EndpointSlice."""
    kind = obj.get("addressType") or ""
    causes = []
    if not kind:
        causes.append(field.required("addressType", ""))
    elif kind not in ADDRESS_TYPES:
        causes.append(field.not_supported("addressType", kind, ADDRESS_TYPES))
    endpoints = obj.get("endpoints") or []
    if len(endpoints) > _MAX_ENDPOINTS:
        return [*causes, field.too_many("endpoints", len(endpoints), _MAX_ENDPOINTS)]
    for i, endpoint in enumerate(endpoints):
        causes += _check_endpoint(endpoint, kind, f"endpoints[{i}]")
    return causes + _check_ports(obj.get("ports") or [])


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the type of the addresses."""
    return immutable(new.get("addressType"), old.get("addressType"), "addressType")


def _check_endpoint(endpoint: Obj, kind: str, path: str) -> list[Cause]:
    addresses, causes = endpoint.get("addresses") or [], []
    if not addresses:
        causes.append(field.required(f"{path}.addresses", "must contain at least 1 address"))
    elif len(addresses) > _MAX_ADDRESSES:
        causes.append(field.too_many(f"{path}.addresses", len(addresses), _MAX_ADDRESSES))
    for i, address in enumerate(addresses):
        causes += _check_address(address, kind, f"{path}.addresses[{i}]")
    if endpoint.get("nodeName") is not None:
        causes += named(endpoint["nodeName"], f"{path}.nodeName", names.dns1123_subdomain)
    if endpoint.get("hostname") is not None:
        causes += named(endpoint["hostname"], f"{path}.hostname", names.dns1123_label)
    for kind_of_hint in ("forZones", "forNodes"):
        causes += _check_hints(at(endpoint, f"hints.{kind_of_hint}") or [], f"{path}.hints.{kind_of_hint}")
    return causes


def _check_hints(hints: list[Obj], path: str) -> list[Cause]:
    """Check which zones or nodes an endpoint is meant for: a few, each once."""
    if len(hints) > _MAX_HINTS:
        return [field.too_many(path, len(hints), _MAX_HINTS)]
    causes, seen = [], set()
    for i, hint in enumerate(hints):
        name, here = hint.get("name") or "", f"{path}[{i}].name"
        if name in seen:
            causes.append(field.duplicate(here, name))
        seen.add(name)
        causes += named(name, here, names.label_value)
    return causes


def _check_address(address: str, kind: str, path: str) -> list[Cause]:
    if kind == "FQDN":
        return named(address, path, names.dns1123_subdomain)
    if kind not in ADDRESS_TYPES:
        return []
    causes = named(address, path, names.ip_address)
    if not causes and ipaddress.ip_address(address).version != int(kind[-1]):
        causes.append(field.invalid(path, address, f"must be an {kind} address"))
    return causes + ([] if causes else _check_special(address, path))


def _check_special(address: str, path: str) -> list[Cause]:
    ip = ipaddress.ip_address(address)
    for bad, message in (
        (ip.is_unspecified, f"may not be unspecified ({address})"),
        (ip.is_loopback, "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
        (ip.is_link_local, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
        (ip.is_multicast, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
    ):
        if bad:
            return [field.invalid(path, address, message)]
    return []


def _check_ports(ports: list[Obj]) -> list[Cause]:
    if len(ports) > _MAX_PORTS:
        return [field.too_many("ports", len(ports), _MAX_PORTS)]
    causes, seen = [], set()
    for i, port in enumerate(ports):
        path, name, protocol = f"ports[{i}]", port.get("name") or "", port.get("protocol") or ""
        if name:
            causes += named(name, f"{path}.name", names.dns1123_label)
        if name in seen:
            causes.append(field.duplicate(f"{path}.name", name))
        seen.add(name)
        if protocol not in PROTOCOLS:
            causes.append(field.not_supported(f"{path}.protocol", protocol, PROTOCOLS))
        if port.get("appProtocol") is not None:
            causes += named(port["appProtocol"], f"{path}.appProtocol", names.qualified_name)
    return causes


def _ports(obj: Obj) -> str:
    shown = []
    for port in obj.get("ports") or ():
        shown.append("*" if port.get("port") is None else str(port["port"]))
    return _some(shown) if shown else cells.UNSET


def _addresses(obj: Obj) -> str:
    shown = [a for endpoint in obj.get("endpoints") or () for a in endpoint.get("addresses") or ()]
    return _some(shown) if shown else cells.UNSET


def _some(shown: list[str]) -> str:
    return cells.some(shown, _SHOWN)


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("AddressType", "addressType", "What the addresses are."),
    cells.column("Ports", _ports, "The ports that every endpoint has."),
    cells.column("Endpoints", _addresses, "The first addresses."),
    cells.AGE,
)


RESOURCE = Resource(
    group="discovery.k8s.io",
    version="v1",
    kind="EndpointSlice",
    plural="endpointslices",
    singular="endpointslice",
    namespaced=True,
    schema="io.k8s.api.discovery.v1.EndpointSlice",
    generation=True,
    columns=COLUMNS,
    default=default,
    validate=validate,
    validate_update=validate_update,
)
