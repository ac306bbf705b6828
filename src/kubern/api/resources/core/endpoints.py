"""Endpoints: the addresses and ports behind a Service, in the older form."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import Resource
from kubern.api.rules.addresses import special_address
from kubern.api.rules.cells import AGE, NAME, column, some
from kubern.api.rules.checks import one_of
from kubern.api.rules.values import fill_empty
from kubern.base.errors import Cause
from kubern.base.json import Obj

_PARTS = ("addresses", "notReadyAddresses")


def _default(endpoints: Obj) -> None:
    for subset in endpoints.get("subsets") or ():
        for port in subset.get("ports") or ():
            fill_empty(port, protocol="TCP")


def _validate(endpoints: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for i, subset in enumerate(endpoints.get("subsets") or ()):
        path = f"subsets[{i}]"
        if not any(subset.get(part) for part in _PARTS):
            causes.append(field.required(path, "must specify `addresses` or `notReadyAddresses`"))
        for part in _PARTS:
            for j, address in enumerate(subset.get(part) or ()):
                causes += _check_address(address, f"{path}.{part}[{j}]")
        ports = subset.get("ports") or ()
        for j, port in enumerate(ports):
            causes += _check_port(port, f"{path}.ports[{j}]", len(ports) > 1)
    return causes


def _check_address(address: Obj, path: str) -> list[Cause]:
    ip, node = address.get("ip") or "", address.get("nodeName")
    causes = [field.invalid(f"{path}.ip", ip, message) for message in names.ip_address(ip)]
    if address.get("hostname"):
        name = address["hostname"]
        causes += [field.invalid(f"{path}.hostname", name, message) for message in names.dns1123_label(name)]
    if node:
        causes += [field.invalid(f"{path}.nodeName", node, message) for message in names.dns1123_subdomain(node)]
    messages = ["must be a valid IP address"] if names.ip_address(ip) else special_address(ip)
    return causes + [field.invalid(f"{path}.ip", ip, message) for message in messages]


def _check_port(port: Obj, path: str, named: bool) -> list[Cause]:
    name, number = port.get("name") or "", port.get("port") or 0
    causes = [field.required(f"{path}.name")] if named and not name else []
    if name:
        causes += [field.invalid(f"{path}.name", name, message) for message in names.dns1123_label(name)]
    causes += [field.invalid(f"{path}.port", number, message) for message in names.port_number(number)]
    causes += one_of(port, "protocol", f"{path}.", ["SCTP", "TCP", "UDP"])
    application = port.get("appProtocol")
    if application is not None:
        messages = names.qualified_name(application)
        causes += [field.invalid(f"{path}.appProtocol", application, message) for message in messages]
    return causes


def _shown(endpoints: Obj) -> str:
    found: list[str] = []
    for subset in endpoints.get("subsets") or ():
        addresses = [address.get("ip") or "" for address in subset.get("addresses") or ()]
        ports = [port.get("port") for port in subset.get("ports") or ()]
        found += [_joined(ip, port) for port in ports for ip in addresses] if ports else addresses
    return some(found)


def _joined(ip: str, port: int | None) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


RESOURCE = Resource(
    group="",
    version="v1",
    kind="Endpoints",
    plural="endpoints",
    singular="endpoints",
    namespaced=True,
    schema="io.k8s.api.core.v1.Endpoints",
    short_names=("ep",),
    deprecated="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    storage_prefix="services/endpoints",
    columns=(NAME, column("Endpoints", _shown, "The first addresses that are ready, with their ports."), AGE),
    default=_default,
    validate=_validate,
)
