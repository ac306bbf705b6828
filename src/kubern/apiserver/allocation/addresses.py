"""Which addresses and ports are taken, and the next free one: upstream's bitmap allocators with a static and a dynamic band.

Used by `services`. What always holds: a value is held by at most one owner, and automatic choices stay above the static band as long
as there is room, so that values that people choose themselves (low ones) rarely collide.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterable

TRIES = 16
"""Random draws before the search walks through the range."""


class Full(Exception):
    """Nothing is free."""


class Allocator:
    """The integers `first` to `last`; automatic choices start at `dynamic`."""

    def __init__(self, first: int, last: int, dynamic: int, rng: random.Random, taken: set[int] | None = None) -> None:
        """`taken` may be shared with others, whose values lie elsewhere or are the same things."""
        self.first = first
        self.last = last
        self._dynamic = dynamic
        self._rng = rng
        self._taken: set[int] = set() if taken is None else taken

    def contains(self, value: int) -> bool:
        """Whether a value is in the range."""
        return self.first <= value <= self.last

    def take(self, value: int) -> bool:
        """Take a value; False when it is held already."""
        if value in self._taken:
            return False
        self._taken.add(value)
        return True

    def take_next(self) -> int:
        """Take a free value, from the upper band while it has one. Raises `Full`."""
        for low, high in ((self._dynamic, self.last), (self.first, self._dynamic - 1)):
            value = self._find(low, high)
            if value is not None:
                self._taken.add(value)
                return value
        raise Full

    def give_back(self, value: int) -> None:
        """Free a value."""
        self._taken.discard(value)

    def replace(self, values: Iterable[int]) -> None:
        """Let exactly these values be taken."""
        self._taken.clear()
        self._taken.update(values)

    def _find(self, low: int, high: int) -> int | None:
        if high < low:
            return None
        for _ in range(TRIES):
            value = self._rng.randint(low, high)
            if value not in self._taken:
                return value
        return next((value for value in range(low, high + 1) if value not in self._taken), None)


def address_allocator(cidr: str, rng: random.Random, taken: set[int] | None = None) -> Allocator:
    """Return the allocator of a Service range: every address but the network's and, for IPv4, the broadcast one.

    The static band is min(max(16, size/16), 256) addresses: of 10.96.0.0/16, 10.96.0.1 to 10.96.1.0.
    """
    network = ipaddress.ip_network(cidr, strict=False)
    first = int(network.network_address) + 1
    last = int(network.broadcast_address) - (1 if network.version == 4 else 0)
    return Allocator(first, last, first + static_band(last - first + 1, 16, 16, 256), rng, taken)


def port_allocator(first: int, last: int, rng: random.Random) -> Allocator:
    """Return the allocator of node ports: the static band is min(max(16, size/32), 128) ports, none in a small range."""
    size = last - first + 1
    return Allocator(first, last, first + (static_band(size, 32, 16, 128) if size >= 32 else 0), rng)


def static_band(size: int, step: int, least: int, most: int) -> int:
    """Return how many of `size` values are kept for choices of people; none when the range is small."""
    return 0 if size <= least else min(max(least, size // step), most)
