"""The addresses and node ports of Services: taken on create and update, given back on delete, found again at start.

Used through `Reservations`. Error texts are upstream's.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Iterable

from kubern.apiserver.allocation.addresses import Full, address_allocator, port_allocator
from kubern.apiserver.allocation.reservations import Taker, Undo
from kubern.base.errors import Cause, InternalError, Invalid
from kubern.base.json import Obj

NONE = "None"
WITH_PORTS = ("NodePort", "LoadBalancer")


class ServiceTaker(Taker):
    """Holds the cluster's Service addresses and node ports."""

    def __init__(self, cidr: str, ports: tuple[int, int], rng: random.Random) -> None:
        self._network = ipaddress.ip_network(cidr, strict=False)
        self._cidr = cidr
        self._addresses = address_allocator(cidr, rng)
        self._ports = port_allocator(ports[0], ports[1], rng)

    def load(self, services: Iterable[Obj]) -> None:
        """Take what the stored Services hold."""
        for service in services:
            for address in _addresses(service):
                self._addresses.take(int(ipaddress.ip_address(address)))
            for port in _ports(service):
                self._ports.take(port)

    def take(self, new: Obj, old: Obj | None) -> Undo:
        """Fill in clusterIP, clusterIPs, ipFamilies and nodePorts. Raises `Invalid`, `InternalError` when the range is full."""
        undo: list[Callable[[], None]] = []
        try:
            self._take_address(new, old, undo)
            self._take_ports(new, old, undo)
        except BaseException:
            _run(undo)
            raise
        return lambda: _run(undo)

    def give_back(self, held: Obj, kept: Obj | None) -> None:
        """Free what `held` has and `kept` does not."""
        for address in set(_addresses(held)) - set(_addresses(kept) if kept else ()):
            self._addresses.give_back(int(ipaddress.ip_address(address)))
        for port in set(_ports(held)) - set(_ports(kept) if kept else ()):
            self._ports.give_back(port)

    def _take_address(self, new: Obj, old: Obj | None, undo: list[Callable[[], None]]) -> None:
        spec = new["spec"]
        if spec.get("type") == "ExternalName":
            for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                spec.pop(key, None)
            return
        asked = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), "")
        held = set(_addresses(old)) if old else set()
        if asked == NONE:
            pass
        elif not asked:
            asked = next(iter(_addresses(old)), "") if old else ""  # an update that leaves it out keeps it
            asked = asked or self._any(undo)
        elif asked not in held:
            asked = self._specific(new, asked, undo)
        spec["clusterIP"], spec["clusterIPs"] = asked, [asked]
        spec.setdefault("ipFamilies", [f"IPv{self._network.version}"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")

    def _any(self, undo: list[Callable[[], None]]) -> str:
        try:
            value = self._addresses.take_next()
        except Full as error:
            raise InternalError("Internal error occurred: failed to allocate a serviceIP: range is full") from error
        undo.append(lambda: self._addresses.give_back(value))
        return str(ipaddress.ip_address(value))

    def _specific(self, service: Obj, asked: str, undo: list[Callable[[], None]]) -> str:
        field = "spec.clusterIPs"
        shown = f'Invalid value: ["{asked}"]: failed to allocate IP {asked}: '
        try:
            address = ipaddress.ip_address(asked)
        except ValueError as error:
            text = f'Invalid value: "{asked}": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
            raise _invalid(service, [Cause("FieldValueInvalid", text, f"{field}[0]")]) from error
        if address not in self._network or not self._addresses.contains(int(address)):
            text = f"{shown}the provided IP ({asked}) is not in the valid range. The range of valid IPs is {self._cidr}"
            raise _invalid(service, [Cause("FieldValueInvalid", text, field)])
        value = int(address)
        if not self._addresses.take(value):
            raise _invalid(service, [Cause("FieldValueInvalid", f"{shown}provided IP is already allocated", field)])
        undo.append(lambda: self._addresses.give_back(value))
        return str(address)

    def _take_ports(self, new: Obj, old: Obj | None, undo: list[Callable[[], None]]) -> None:
        spec = new["spec"]
        held = set(_ports(old)) if old else set()
        if spec.get("type") not in WITH_PORTS:
            for port in spec.get("ports") or ():
                port.pop("nodePort", None)
            spec.pop("healthCheckNodePort", None)
            return
        automatic = spec["type"] == "NodePort" or spec.get("allocateLoadBalancerNodePorts") is not False
        before = _by_port(old)
        mine: dict[int, str] = {}
        for index, port in enumerate(spec.get("ports") or ()):
            asked = port.get("nodePort") or before.get((port.get("protocol"), port.get("port")), 0)
            protocol = port.get("protocol") or "TCP"
            if asked and mine.get(asked, protocol) != protocol:
                pass  # the same number for another protocol of this Service
            elif asked and asked not in held:
                self._specific_port(new, index, asked, undo)
            elif not asked and automatic:
                asked = self._any_port(undo)
            if asked:
                port["nodePort"] = asked
                mine[asked] = protocol
        if spec.get("externalTrafficPolicy") == "Local" and spec["type"] == "LoadBalancer":
            spec["healthCheckNodePort"] = spec.get("healthCheckNodePort") or self._any_port(undo)

    def _any_port(self, undo: list[Callable[[], None]]) -> int:
        try:
            value = self._ports.take_next()
        except Full as error:
            raise InternalError("Internal error occurred: failed to allocate a nodePort: range is full") from error
        undo.append(lambda: self._ports.give_back(value))
        return value

    def _specific_port(self, service: Obj, index: int, asked: int, undo: list[Callable[[], None]]) -> None:
        field = f"spec.ports[{index}].nodePort"
        if not self._ports.contains(asked):
            text = (
                f"Invalid value: {asked}: provided port is not in the valid range. "
                f"The range of valid ports is {self._ports.first}-{self._ports.last}"
            )
            raise _invalid(service, [Cause("FieldValueInvalid", text, field)])
        if not self._ports.take(asked):
            text = f"Invalid value: {asked}: provided port is already allocated"
            raise _invalid(service, [Cause("FieldValueInvalid", text, field)])
        undo.append(lambda: self._ports.give_back(asked))


def _addresses(service: Obj) -> list[str]:
    spec = service.get("spec") or {}
    listed = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    return [address for address in listed if address and address != NONE]


def _ports(service: Obj) -> list[int]:
    spec = service.get("spec") or {}
    found = [port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")]
    return [*found, spec["healthCheckNodePort"]] if spec.get("healthCheckNodePort") else found


def _by_port(service: Obj | None) -> dict[tuple[str | None, int | None], int]:
    """Return the node port that each (protocol, port) of a Service has: an update that leaves it out keeps it."""
    ports = ((service or {}).get("spec") or {}).get("ports") or ()
    return {(p.get("protocol"), p.get("port")): p["nodePort"] for p in ports if p.get("nodePort")}


def _invalid(service: Obj, causes: list[Cause]) -> Invalid:
    name = service["metadata"].get("name", "")
    text = ", ".join(f"{cause.field}: {cause.message}" for cause in causes)
    return Invalid(f'Service "{name}" is invalid: {text}', kind="Service", name=name, causes=causes)


def _run(undo: list[Callable[[], None]]) -> None:
    while undo:
        undo.pop()()
