"""Kubernetes' IP addresses: `ip('::1')` and what can be asked of one."""

from __future__ import annotations

from typing import Any

from kubern.api.cel.addresses import Address, Ip, parse_ip, parses
from kubern.api.cel.library import Library, overloads, walk
from kubern.api.cel.values import TypeValue


def _link_local_multicast(address: Address) -> bool:
    if address.version == 4:
        return int(address) >> 8 == 0xE00000
    return address.is_multicast and int(address) >> 112 & 0xF == 2


def _global_unicast(address: Address) -> bool:
    broadcast = address.version == 4 and int(address) == 0xFFFFFFFF
    return not (
        broadcast or address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
    )


def _canonical(text: str) -> bool:
    return str(parse_ip(text).address) == text


def _text(ip: Any) -> str:
    return str(ip.address)


_I = "net.IP"

LIBRARY = Library(
    "ip",
    (
        *overloads(
            {
                f"ip(string): {_I}": parse_ip,
                "isIP(string): bool": lambda text: parses(parse_ip, text),
                "ip.isCanonical(string): bool": _canonical,
            },
            walk,
        ),
        *overloads(
            {
                f"{_I}.family(): int": lambda ip: ip.address.version,
                f"{_I}.isUnspecified(): bool": lambda ip: ip.address.is_unspecified,
                f"{_I}.isLoopback(): bool": lambda ip: ip.address.is_loopback,
                f"{_I}.isLinkLocalMulticast(): bool": lambda ip: _link_local_multicast(ip.address),
                f"{_I}.isLinkLocalUnicast(): bool": lambda ip: ip.address.is_link_local,
                f"{_I}.isGlobalUnicast(): bool": lambda ip: _global_unicast(ip.address),
                f"string({_I}): string": _text,
            }
        ),
    ),
    (("net.IP", TypeValue(Ip.type_name)),),
)
