"""What the cluster's DNS says about one Service: names and their records. Pure.

Source: "Kubernetes DNS-Based Service Discovery", specification version 1.1.0.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kubern.base.json import Obj


class Record(NamedTuple):
    """One resource record: type A, AAAA, CNAME, PTR, SRV or TXT. SRV's value is `port target`."""

    type: str
    value: str


Names = dict[str, list[Record]]
"""Records by name; names are lower-case and without the last dot."""


class Address(NamedTuple):
    """One endpoint of a headless Service, by the host name it is found under."""

    host: str
    ip: str
    ports: tuple[tuple[str, str, int], ...]
    """(name, protocol, number)."""


def service_records(service: Obj, slices: Iterable[Obj], domain: str) -> Names:
    """Return every name that a Service gives rise to, below `domain` and in the reverse zones."""
    meta, spec = service["metadata"], service.get("spec") or {}
    name = f"{meta['name']}.{meta['namespace']}.svc.{domain}"
    if spec.get("type") == "ExternalName":
        target = (spec.get("externalName") or "").rstrip(".").lower()
        return {name: [Record("CNAME", target)]} if target else {}
    if spec.get("clusterIP") == "None":
        return _headless(name, service, slices)
    names: Names = {}
    for ip in spec.get("clusterIPs") or [spec.get("clusterIP")]:
        if ip:
            names.setdefault(name, []).append(_address(ip))
            names.setdefault(reverse(ip), []).append(Record("PTR", name))
    for port in spec.get("ports") or ():
        if names and port.get("name"):
            _add_srv(names, name, (port["name"], port.get("protocol", "TCP"), port["port"]), name)
    return names


def _headless(name: str, service: Obj, slices: Iterable[Obj]) -> Names:
    names: Names = {}
    everyone = bool((service.get("spec") or {}).get("publishNotReadyAddresses"))
    for address in _addresses(slices, everyone):
        host = f"{address.host}.{name}"
        _add(names, name, _address(address.ip))
        _add(names, host, _address(address.ip))
        _add(names, reverse(address.ip), Record("PTR", host))
        for port in address.ports:
            if port[0]:
                _add_srv(names, name, port, host)
    return names


def _addresses(slices: Iterable[Obj], everyone: bool) -> Iterator[Address]:
    for each in slices:
        ports = tuple(
            (p.get("name") or "", p.get("protocol", "TCP"), p.get("port") or 0) for p in each.get("ports") or ()
        )
        for endpoint in each.get("endpoints") or ():
            if everyone or (endpoint.get("conditions") or {}).get("ready") is not False:
                for ip in endpoint["addresses"]:
                    yield Address((endpoint.get("hostname") or dashed(ip)).lower(), ip, ports)


def _add_srv(names: Names, name: str, port: tuple[str, str, int], target: str) -> None:
    owner = f"_{port[0]}._{port[1].lower()}.{name}"
    _add(names, owner, Record("SRV", f"{port[2]} {target}"))


def _add(names: Names, name: str, record: Record) -> None:
    found = names.setdefault(name, [])
    if record not in found:
        found.append(record)


def _address(ip: str) -> Record:
    return Record("AAAA" if ":" in ip else "A", ip)


def dashed(ip: str) -> str:
    """Return an address as a host label: `10.1.2.3` is `10-1-2-3`."""
    return ip.replace(".", "-").replace(":", "-")


def reverse(ip: str) -> str:
    """Return the name that a PTR question for `ip` asks."""
    return ipaddress.ip_address(ip).reverse_pointer


def pod_address(name: str, domain: str) -> tuple[str, str] | None:
    """Return (IPv4 address, namespace) of a pod name like `10-1-2-3.default.pod.cluster.local`, None for any other name."""
    labels = name.removesuffix(f".pod.{domain}").split(".")
    if not name.endswith(f".pod.{domain}") or len(labels) != 2:
        return None
    try:
        return str(ipaddress.IPv4Address(labels[0].replace("-", "."))), labels[1]
    except ValueError:
        return None
