"""The addresses that Services may have: the ranges of all ServiceCIDRs that are ready, over one set of what is taken.

Used by `services`. What always holds: an address is looked for in every range before the cluster counts as full.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterable

from kubern.apiserver.allocation.addresses import Allocator, Full, address_allocator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressRanges:
    """Addresses as integers, all of the family of the first range."""

    def __init__(self, cidr: str, rng: random.Random) -> None:
        self.version = ipaddress.ip_network(cidr, strict=False).version
        self._rng = rng
        self._taken: set[int] = set()
        self._ranges: dict[Network, Allocator] = {}
        self.use([cidr])

    def use(self, cidrs: Iterable[str]) -> None:
        """Take addresses from these ranges from now on; what is taken stays so."""
        networks = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
        self._ranges = {
            network: self._ranges.get(network) or address_allocator(str(network), self._rng, self._taken)
            for network in networks
            if network.version == self.version
        }

    def load(self, addresses: Iterable[str]) -> None:
        """Replace what is taken."""
        self._taken.clear()
        for address in addresses:
            self.take(address)

    def range_of(self, address: Address) -> tuple[Network, Allocator] | None:
        """Return the narrowest range that an address belongs to, if any."""
        found = [(n, a) for n, a in self._ranges.items() if n.version == address.version and address in n]
        return max(found, key=lambda each: each[0].prefixlen, default=None)

    def take(self, address: str) -> bool:
        """Take an address, of whatever range; False when it is held already."""
        parsed = ipaddress.ip_address(address)
        if parsed.version != self.version:
            return True
        value = int(parsed)
        free = value not in self._taken
        self._taken.add(value)
        return free

    def take_next(self) -> str:
        """Take a free address. Raises `Full`."""
        for network, allocator in self._ranges.items():
            try:
                value = allocator.take_next()
            except Full:
                continue
            return str(network.network_address.__class__(value))
        raise Full

    def give_back(self, address: str) -> None:
        """Free an address."""
        parsed = ipaddress.ip_address(address)
        if parsed.version == self.version:
            self._taken.discard(int(parsed))
