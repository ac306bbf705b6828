"""Where virtual nodes and their pods are: addresses that no packet ever goes to, one for each of them."""

from __future__ import annotations

import functools
import ipaddress
import socket
from typing import NamedTuple

POD_RANGE = ipaddress.IPv4Network("10.128.0.0/10")
NODE_RANGE = ipaddress.IPv4Network("10.64.0.0/16")
_PODS = 256
"""Addresses of a node: a /24, of which the first and the last are no pod's."""


class Place(NamedTuple):
    """A node's address and its range of pod addresses, empty for the nodes after the 16,384th."""

    address: str
    pod_cidr: str


def place(number: int) -> Place:
    """Return the place of node `number`, from 0."""
    first = number * _PODS
    cidr = f"{POD_RANGE[first]}/24" if first < POD_RANGE.num_addresses else ""
    return Place(str(NODE_RANGE[(number + 1) % NODE_RANGE.num_addresses]), cidr)


@functools.lru_cache(maxsize=8192)
def _room(cidr: str) -> tuple[int, int]:
    """Return the first number of a range, and how many of its addresses pods may have."""
    network = ipaddress.IPv4Network(cidr)
    return int(network.network_address), network.num_addresses - 2


_ALL = _room(str(POD_RANGE))


class PodAddresses:
    """Gives pods addresses of their node's range."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}
        self._used: set[str] = set()
        self._next: dict[int, int] = {}

    def note(self, uid: str, address: str) -> None:
        """Take in which address a pod has, whoever gave it."""
        self._held[uid] = address
        self._used.add(address)

    def free(self, uid: str) -> None:
        """Take back the address of a pod that has gone."""
        self._used.discard(self._held.pop(uid, ""))

    def of(self, uid: str, cidr: str) -> str:
        """Return the pod's address: the one it has, or the next of its node's range that no pod has (of all ranges when that is full)."""
        if uid not in self._held:
            self.note(uid, self._unused(cidr))
        return self._held[uid]

    def _unused(self, cidr: str) -> str:
        for first, room in (_room(cidr) if cidr else _ALL, _ALL):
            for _ in range(room):
                # a freed address rests until all others have been given
                self._next[first] = self._next.get(first, 0) % room + 1
                address = socket.inet_ntoa((first + self._next[first]).to_bytes(4, "big"))
                if address not in self._used:
                    return address
        raise ValueError(f"no address is left in {POD_RANGE}")
