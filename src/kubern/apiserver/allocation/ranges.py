"""The addresses that Services may have: the ranges of all ServiceCIDRs that are ready, over one set of what is taken.

Used by `services`. What always holds: an address is looked for in every range before the cluster counts as full.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterable

from kubern.apiserver.allocation.addresses import Allocator, Full, address_allocator
from kubern.apiserver.allocation.holding import family_of

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_ranges(text: str) -> tuple[str, ...]:
    """Return the ranges of --service-cluster-ip-range: one, or one of each family. Raises `ValueError`."""
    ranges = tuple(each.strip() for each in text.split(","))
    versions = [ipaddress.ip_network(each, strict=False).version for each in ranges]
    if len(ranges) > 2 or len({*versions}) != len(versions):
        raise ValueError(f"{text}: at most one range of each IP family")
    return ranges


class AddressRanges:
    """Addresses as integers, of the families of the configured ranges."""

    def __init__(self, cidrs: str, rng: random.Random) -> None:
        """`cidrs` is the configured range, or two with a comma between them. Raises `ValueError`."""
        configured = parse_ranges(cidrs)
        self.families = tuple(family_of(cidr) for cidr in configured)
        """`IPv4` or `IPv6`, or both: what Services get first comes first."""
        self._rng = rng
        self._taken: dict[int, set[int]] = {4: set(), 6: set()}
        self._ranges: dict[Network, Allocator] = {}
        self.use(configured)

    def use(self, cidrs: Iterable[str]) -> None:
        """Take addresses from these ranges from now on; what is taken stays so."""
        networks = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
        self._ranges = {
            network: self._ranges.get(network)
            or address_allocator(str(network), self._rng, self._taken[network.version])
            for network in networks
            if f"IPv{network.version}" in self.families
        }

    def load(self, addresses: Iterable[str]) -> None:
        """Replace what is taken."""
        for taken in self._taken.values():
            taken.clear()
        for address in addresses:
            self.take(address)

    def range_of(self, address: Address) -> tuple[Network, Allocator] | None:
        """Return the narrowest range that an address belongs to, if any."""
        found = [(n, a) for n, a in self._ranges.items() if n.version == address.version and address in n]
        return max(found, key=lambda each: each[0].prefixlen, default=None)

    def take(self, address: str) -> bool:
        """Take an address, of whatever range; False when it is held already."""
        parsed = ipaddress.ip_address(address)
        taken, value = self._taken[parsed.version], int(parsed)
        free = value not in taken
        taken.add(value)
        return free

    def take_next(self, family: str) -> str:
        """Take a free address of a family. Raises `Full`."""
        for network, allocator in self._ranges.items():
            if family != f"IPv{network.version}":
                continue
            try:
                value = allocator.take_next()
            except Full:
                continue
            return str(network.network_address.__class__(value))
        raise Full

    def give_back(self, address: str) -> None:
        """Free an address."""
        parsed = ipaddress.ip_address(address)
        self._taken[parsed.version].discard(int(parsed))
