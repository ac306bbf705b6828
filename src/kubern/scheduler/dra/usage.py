"""What claims have taken of the devices: whole ones, and of shared ones how much of each capacity. Pure, immutable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.base.quantity import parse
from kubern.scheduler.dra.inventory import DeviceId


class Usage(NamedTuple):
    """Devices that are taken as a whole; of those that several may have, what is consumed, in nano units by capacity."""

    whole: frozenset[DeviceId] = frozenset()
    shares: Mapping[DeviceId, Mapping[str, int]] = {}


def used_by(allocations: Iterable[Obj]) -> Usage:
    """Return what the allocations of claims (status.allocation) take. Admin access takes nothing."""
    whole: set[DeviceId] = set()
    shares: dict[DeviceId, dict[str, int]] = {}
    for allocation in allocations:
        for result in (allocation.get("devices") or {}).get("results") or ():
            if result.get("adminAccess"):
                continue
            device = (result["driver"], result["pool"], result["device"])
            if result.get("shareID"):
                taken = shares.setdefault(device, {})
                for name, amount in (result.get("consumedCapacity") or {}).items():
                    full = name if "/" in name else f"{device[0]}/{name}"
                    taken[full] = taken.get(full, 0) + parse(amount).nano
            else:
                whole.add(device)
    return Usage(frozenset(whole), shares)
