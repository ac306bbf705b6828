"""IP addresses and networks as values of expressions, read as strictly as Kubernetes reads them."""

from __future__ import annotations

import ipaddress
from typing import Any

from kubern.api.cel.errors import CelEvaluationError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Ip:
    """An IP address."""

    __slots__ = ("address",)
    type_name = "net.IP"

    def __init__(self, address: Address) -> None:
        self.address = address

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ip) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)


class Cidr:
    """An address with the length of its network's prefix: `192.168.0.1/24`."""

    __slots__ = ("interface",)
    type_name = "net.CIDR"

    def __init__(self, interface: Any) -> None:
        self.interface = interface

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cidr) and self.interface == other.interface

    def __hash__(self) -> int:
        return hash(self.interface)


def parse_ip(text: str) -> Ip:
    """Read an address without zone that is no IPv4 address in IPv6's clothes. Raises `CelEvaluationError`."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise CelEvaluationError(f'IP Address "{text}" parse error during conversion from string: {error}') from error
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise CelEvaluationError(f'IP address "{text}" with zone value is not allowed')
        if address.ipv4_mapped is not None:
            raise CelEvaluationError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return Ip(address)


def parse_cidr(text: str) -> Cidr:
    """Read `address/length`. Raises `CelEvaluationError`."""
    address, slash, length = text.partition("/")
    if not slash or not length.isdecimal() or (length != "0" and length.startswith("0")):
        raise CelEvaluationError(
            f'network address parse error during conversion from string: netip.ParsePrefix("{text}"): no "/"'
        )
    parse_ip(address)
    try:
        return Cidr(ipaddress.ip_interface(text))
    except ValueError as error:
        raise CelEvaluationError(f"network address parse error during conversion from string: {error}") from error


def parses(parse: Any, text: str) -> bool:
    """Say whether one of the two readers above takes a text."""
    try:
        parse(text)
    except CelEvaluationError:
        return False
    return True
