"""The addresses and node ports of Services: taken on create and update, given back on delete, found again at start.

Used through `Reservations`. Error texts are upstream's.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Collection, Iterable
from typing import Protocol

from kubern.apiserver.allocation.addresses import Full, port_allocator
from kubern.apiserver.allocation.families import settle_families
from kubern.apiserver.allocation.holding import NONE, Holder, addresses_of
from kubern.apiserver.allocation.ranges import AddressRanges
from kubern.apiserver.allocation.reservations import Taker, Undo
from kubern.base.errors import Cause, InternalError, Invalid
from kubern.base.json import Obj

WITH_PORTS = ("NodePort", "LoadBalancer")


class Ledger(Protocol):
    """Where addresses are written down, for everybody to see."""

    async def claim(self, address: str, service: Obj) -> bool:
        """Write an address down as a Service's; False when it is another's."""
        ...

    async def release(self, address: str, holder: Holder) -> bool:
        """Strike an address of a Service out; False when it was not written down."""
        ...


class Ports(Protocol):
    """Where node ports are written down."""

    async def claim(self, port: int) -> bool:
        """Write down that a port is taken; False when it is already."""
        ...

    async def release(self, ports: Iterable[int]) -> None:
        """Strike ports out."""
        ...

    async def refresh(self) -> None:
        """Let memory be what is written down: others may have released ports."""
        ...


class ServiceTaker(Taker):
    """Holds the cluster's Service addresses and node ports. Without ledgers, nobody else may."""

    def __init__(self, ranges: AddressRanges, ports: tuple[int, int], rng: random.Random) -> None:
        self._ranges = ranges
        self.ports = port_allocator(ports[0], ports[1], rng)
        self.ledger: Ledger | None = None
        self.port_ledger: Ports | None = None

    def load(self, services: Iterable[Obj]) -> None:
        """Take what the stored Services hold."""
        for service in services:
            for address in addresses_of(service):
                self._ranges.take(address)
            for port in ports_of(service):
                self.ports.take(port)

    async def take(self, new: Obj, old: Obj | None, dry_run: bool = False) -> Undo:
        """Fill in addresses, families and node ports. Raises `Invalid`, `InternalError` when the range is full."""
        claimed: list[str] = []
        ports: list[int] = []

        async def give_back() -> None:
            await self._free_ports(ports, None if dry_run else self.port_ledger)
            ports.clear()
            for address in claimed:
                await self._free(address, new)
            claimed.clear()

        try:
            await self._take_addresses(new, old, claimed, None if dry_run else self.ledger)
            await self._take_ports(new, old, ports, None if dry_run else self.port_ledger)
        except BaseException:
            await give_back()
            raise
        return give_back

    async def give_back(self, held: Obj, kept: Obj | None) -> None:
        """Free what `held` has and `kept` does not."""
        for address in set(addresses_of(held)) - set(addresses_of(kept) if kept else ()):
            await self._free(address, held)
        await self._free_ports(set(ports_of(held)) - set(ports_of(kept) if kept else ()), self.port_ledger)

    async def _free_ports(self, ports: Collection[int], ledger: Ports | None) -> None:
        if ports and ledger is not None:
            await ledger.release(ports)
        for port in ports:
            self.ports.give_back(port)

    async def _free(self, address: str, service: Obj) -> None:
        """Free an address; one that was written down is free when that is struck out."""
        metadata = service["metadata"]
        holder = Holder(metadata.get("namespace", ""), metadata["name"])
        if self.ledger is None or not await self.ledger.release(address, holder):
            self._ranges.give_back(address)

    async def _take_addresses(self, new: Obj, old: Obj | None, claimed: list[str], ledger: Ledger | None) -> None:
        spec, stored = new["spec"], old["spec"] if old else None
        if spec.get("type") == "ExternalName":
            for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                spec.pop(key, None)
            return
        held = addresses_of(old) if old else []
        asked = spec.get("clusterIPs") or [each for each in (spec.get("clusterIP"),) if each] or held
        if asked:  # an update that leaves them out keeps them
            spec["clusterIP"], spec["clusterIPs"] = asked[0], asked
        causes = settle_families(spec, stored, self._ranges.families)
        if causes:
            raise _invalid(new, causes)
        addresses = list(spec.get("clusterIPs") or ())
        if addresses[:1] == [NONE]:
            return
        for index, family in enumerate(spec["ipFamilies"]):
            if index == len(addresses):
                addresses.append("")
            if not addresses[index]:
                addresses[index] = await self._any(new, family, ledger)
                claimed.append(addresses[index])
            elif addresses[index] not in held:
                addresses[index] = await self._specific(new, addresses[index], ledger)
                claimed.append(addresses[index])
        spec["clusterIP"], spec["clusterIPs"] = addresses[0], addresses

    async def _any(self, service: Obj, family: str, ledger: Ledger | None) -> str:
        while True:
            try:
                address = self._ranges.take_next(family)
            except Full as error:
                raise InternalError("Internal error occurred: failed to allocate a serviceIP: range is full") from error
            # one that is another server's by now stays taken here too
            if ledger is None or await self._claimed(ledger, address, service):
                return address

    async def _claimed(self, ledger: Ledger, address: str, service: Obj) -> bool:
        try:
            return await ledger.claim(address, service)
        except BaseException:
            self._ranges.give_back(address)
            raise

    async def _specific(self, service: Obj, asked: str, ledger: Ledger | None) -> str:
        field = "spec.clusterIPs"
        given = ",".join(f'"{each}"' for each in service["spec"].get("clusterIPs") or (asked,))
        shown = f"Invalid value: [{given}]: failed to allocate IP {asked}: "
        try:
            address = ipaddress.ip_address(asked)
        except ValueError as error:
            text = f'Invalid value: "{asked}": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
            raise _invalid(service, [Cause("FieldValueInvalid", text, f"{field}[0]")]) from error
        found = self._ranges.range_of(address)
        if found is None:
            text = f"{shown}the provided network does not match the current range"
            raise _invalid(service, [Cause("FieldValueInvalid", text, field)])
        if not found[1].contains(int(address)):
            text = f"{shown}the provided IP ({asked}) is not in the valid range. The range of valid IPs is {found[0]}"
            raise _invalid(service, [Cause("FieldValueInvalid", text, field)])
        free = self._ranges.take(str(address))
        if not free or (ledger is not None and not await self._claimed(ledger, str(address), service)):
            text = f"{shown}provided IP is already allocated"
            raise _invalid(service, [Cause("FieldValueInvalid", text, field)])
        return str(address)

    async def _take_ports(self, new: Obj, old: Obj | None, taken: list[int], ledger: Ports | None) -> None:
        spec = new["spec"]
        held = set(ports_of(old)) if old else set()
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
                await self._specific_port(new, index, asked, ledger)
                taken.append(asked)
            elif not asked and automatic:
                asked = await self._any_port(ledger)
                taken.append(asked)
            if asked:
                port["nodePort"] = asked
                mine[asked] = protocol
        if spec.get("externalTrafficPolicy") == "Local" and spec["type"] == "LoadBalancer":
            await self._take_health_port(spec, held, taken, ledger)

    async def _take_health_port(self, spec: Obj, held: set[int], taken: list[int], ledger: Ports | None) -> None:
        asked = spec.get("healthCheckNodePort") or 0
        if asked in held:
            return
        if not asked:
            asked = spec["healthCheckNodePort"] = await self._any_port(ledger)
        elif not (self.ports.take(asked) or ledger is not None) or not await self._port_claimed(ledger, asked):
            why = f"failed to allocate requested HealthCheck NodePort {asked}: provided port is already allocated"
            raise InternalError(f"Internal error occurred: {why}")
        taken.append(asked)

    async def _any_port(self, ledger: Ports | None) -> int:
        fresh = ledger is None
        while True:
            try:
                value = self.ports.take_next()
            except Full as error:
                if fresh or ledger is None:
                    text = "Internal error occurred: failed to allocate a nodePort: range is full"
                    raise InternalError(text) from error
                await ledger.refresh()
                fresh = True
                continue
            if await self._port_claimed(ledger, value):
                return value

    async def _port_claimed(self, ledger: Ports | None, port: int) -> bool:
        try:
            return ledger is None or await ledger.claim(port)
        except BaseException:
            self.ports.give_back(port)
            raise

    async def _specific_port(self, service: Obj, index: int, asked: int, ledger: Ports | None) -> None:
        field = f"spec.ports[{index}].nodePort"
        if not self.ports.contains(asked):
            text = (
                f"Invalid value: {asked}: provided port is not in the valid range. "
                f"The range of valid ports is {self.ports.first}-{self.ports.last}"
            )
            raise _invalid(service, [Cause("FieldValueInvalid", text, field)])
        free = self.ports.take(asked)
        # memory is only a hint where there is a ledger: another server may have freed the port
        if not (free or ledger is not None) or not await self._port_claimed(ledger, asked):
            text = f"Invalid value: {asked}: provided port is already allocated"
            raise _invalid(service, [Cause("FieldValueInvalid", text, field)])


def ports_of(service: Obj) -> list[int]:
    """Return the node ports of a Service."""
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
