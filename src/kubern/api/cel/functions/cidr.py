"""Kubernetes' networks: `cidr('10.0.0.0/8')` and what can be asked of one."""

from __future__ import annotations

from kubern.api.cel.addresses import Cidr, Ip, parse_cidr, parse_ip, parses
from kubern.api.cel.library import Library, overloads, walk
from kubern.api.cel.values import TypeValue


def _contains_ip(network: Cidr, ip: Ip) -> bool:
    return ip.address in network.interface.network


def _contains(network: Cidr, other: Cidr) -> bool:
    mine, theirs = network.interface.network, other.interface.network
    return bool(mine.version == theirs.version and theirs.subnet_of(mine))


def _masked(network: Cidr) -> Cidr:
    return parse_cidr(str(network.interface.network))


_C, _I = "net.CIDR", "net.IP"

LIBRARY = Library(
    "cidr",
    (
        *overloads(
            {f"cidr(string): {_C}": parse_cidr, "isCIDR(string): bool": lambda text: parses(parse_cidr, text)}, walk
        ),
        *overloads(
            {
                f"{_C}.containsIP({_I}): bool": _contains_ip,
                f"{_C}.containsIP(string): bool": lambda network, text: _contains_ip(network, parse_ip(text)),
                f"{_C}.containsCIDR({_C}): bool": _contains,
                f"{_C}.containsCIDR(string): bool": lambda network, text: _contains(network, parse_cidr(text)),
                f"{_C}.ip(): {_I}": lambda network: Ip(network.interface.ip),
                f"{_C}.masked(): {_C}": _masked,
                f"{_C}.prefixLength(): int": lambda network: network.interface.network.prefixlen,
                f"string({_C}): string": lambda network: str(network.interface),
            }
        ),
    ),
    (("net.CIDR", TypeValue(Cidr.type_name)),),
)
