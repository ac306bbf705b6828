"""Who holds which address: what the allocation of Services and the IPAddress objects have in common. Pure."""

from __future__ import annotations

from typing import NamedTuple

from kubern.base.json import Obj

NONE = "None"
"""The address of a Service that wants none."""


class Holder(NamedTuple):
    """The Service that an address belongs to."""

    namespace: str
    name: str


def addresses_of(service: Obj) -> list[str]:
    """Return the cluster addresses of a Service."""
    spec = service.get("spec") or {}
    listed = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    return [address for address in listed if address and address != NONE]


def family_of(address: str) -> str:
    """Return the family of an address or a range."""
    return "IPv6" if ":" in address else "IPv4"
