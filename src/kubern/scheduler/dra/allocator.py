"""The search for devices: which ones all claims of a pod get on one node, or why there are none. Pure.

Requests are taken in order, each in its best alternative first, devices in their pools' order; when a later request finds nothing, an
earlier choice is taken back. So whenever there is a way within the bound on steps, it is found, and no better alternative of
the first request was possible. Called for one node at a time by the plug-in DynamicResources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.scheduler.dra.capacity import consumed, fits
from kubern.scheduler.dra.constraints import Constraint, constraints_of
from kubern.scheduler.dra.inventory import Device, DeviceId, Inventory, PoolId
from kubern.scheduler.dra.requests import MOST_RESULTS, Asking, CannotAllocate, Slot, Wanted, prepared, slots, suits
from kubern.scheduler.dra.usage import Usage

MOST_STEPS = 50_000
"""Devices that are tried before a node is given up: about 0.1 s."""
BEST = 8
"""Points of a request's first alternative, one less for each further one."""


class Picked(NamedTuple):
    """A device for a request; `consumed` in nano units by capacity, None when the device is had alone."""

    wanted: Wanted
    device: Device
    consumed: Mapping[str, int] | None


class Allocated(NamedTuple):
    """What each claim gets, in the claims' order; the more points, the better the alternatives."""

    picks: tuple[tuple[Picked, ...], ...]
    points: int


def allocate(claims: Sequence[Obj], node: Obj, asking: Asking, steps: int = MOST_STEPS) -> Allocated | None:
    """Return devices for all claims on a node, None when there is no way. Raises `CannotAllocate` with a reason where there is one."""
    return Allocator(claims, asking, steps).on(node)


class Allocator:
    """The claims of a pod, read once; asked for one node after the other. Raises `CannotAllocate` for a class that does not exist."""

    def __init__(self, claims: Sequence[Obj], asking: Asking, steps: int = MOST_STEPS) -> None:
        self._asking = asking
        self._steps = steps
        self._wanted = prepared(claims, asking.device_class)
        self._constraints = [constraints_of(claim) for claim in claims]

    def on(self, node: Obj) -> Allocated | None:
        """Return devices for all claims on a node, None when there is no way. Raises `CannotAllocate` with a reason."""
        wanted = slots(self._wanted, node, self._asking)
        if not all(any(_enough(way) for way in ways) for _, ways in wanted):
            return None
        search = _Search(wanted, self._constraints, self._asking, self._steps)
        if not search.from_slot(0):
            return None
        number = len(self._constraints)
        picks = tuple(tuple(pick for held, pick in search.picked if held == claim) for claim in range(number))
        return Allocated(picks, search.points())


def _enough(way: Wanted) -> bool:
    return 0 < way.number <= len(way.devices) or (way.number > 0 and any(device.shared for device in way.devices))


class _Search:
    """One search: what is picked so far, and what that takes."""

    def __init__(
        self, wanted: Sequence[Slot], constraints: Sequence[Sequence[Constraint]], asking: Asking, steps: int
    ) -> None:
        self.picked: list[tuple[int, Picked]] = []
        self._wanted = wanted
        self._constraints = constraints
        self._usage = asking.usage
        self._whole: set[DeviceId] = set()
        self._shares: dict[DeviceId, dict[str, int]] = {}
        self._holders: dict[DeviceId, int] = {}
        self._counters = _Counters(asking.inventory, asking.usage)
        self._ways: list[int] = [0] * len(wanted)
        self._steps = steps

    def points(self) -> int:
        """Return how good the chosen alternatives are."""
        listed = zip(self._wanted, self._ways, strict=True)
        return sum(BEST - way for (_, ways), way in listed if "/" in ways[0].name)

    def from_slot(self, slot: int) -> bool:
        """Pick for this request and all after it; nothing of theirs stays picked when there is no way."""
        if slot == len(self._wanted):
            return True
        for number, way in enumerate(self._wanted[slot][1]):
            self._ways[slot] = number
            if way.number > 0 and self._pick(slot, way, 0, way.number):
                return True
        return False

    def _pick(self, slot: int, way: Wanted, start: int, left: int) -> bool:
        """Pick `left` more devices for a request, from the device number `start` on: their order means nothing."""
        if not left:
            return self.from_slot(slot + 1)
        claim = self._wanted[slot][0]
        for at in range(start, len(way.devices)):
            self._steps -= 1
            if self._steps < 0:
                raise CannotAllocate("timed out trying to allocate devices")
            device = way.devices[at]
            if self._take(claim, way, device):
                # a shared device may serve one request several times
                again = device.shared and not way.everything and not way.admin
                if self._pick(slot, way, at if again else at + 1, left - 1):
                    return True
                self._give_back()
            if way.everything:
                break
        return False

    def _take(self, claim: int, way: Wanted, device: Device) -> bool:
        """Pick a device if it is still there and goes together with the others."""
        mine = [pick for number, pick in self.picked if number == claim]
        if len(mine) >= MOST_RESULTS or not self._agree(claim, way, device, mine):
            return False
        amounts: Mapping[str, int] | None = None
        if way.everything and not suits(device, way.spec):
            return False
        if way.admin:
            if any(pick.device is device for pick in mine):
                return False
        else:
            identity, usage = device.id, self._usage
            if identity in self._whole or identity in usage.whole or (not device.shared and identity in usage.shares):
                return False
            if device.shared:
                amounts = consumed(device, (way.spec.get("capacity") or {}).get("requests") or {})
                taken = (usage.shares.get(identity, {}), self._shares.get(identity, {}))
                if amounts is None or not fits(device, taken, amounts):
                    return False
            held = self._holders.get(identity) or identity in usage.shares
            if not held and not self._counters.take(device):
                return False
            self._hold(device, amounts)
        self.picked.append((claim, Picked(way, device, amounts)))
        return True

    def _agree(self, claim: int, way: Wanted, device: Device, mine: Sequence[Picked]) -> bool:
        return all(
            constraint.allows((pick.device for pick in mine if constraint.concerns(pick.wanted.name)), device)
            for constraint in self._constraints[claim]
            if constraint.concerns(way.name)
        )

    def _hold(self, device: Device, amounts: Mapping[str, int] | None) -> None:
        self._holders[device.id] = self._holders.get(device.id, 0) + 1
        if amounts is None:
            self._whole.add(device.id)
            return
        taken = self._shares.setdefault(device.id, {})
        for name, amount in amounts.items():
            taken[name] = taken.get(name, 0) + amount

    def _give_back(self) -> None:
        _, pick = self.picked.pop()
        if pick.wanted.admin:
            return
        device = pick.device
        self._holders[device.id] -= 1
        if pick.consumed is None:
            self._whole.discard(device.id)
        else:
            for name, amount in pick.consumed.items():
                self._shares[device.id][name] -= amount
        if not self._holders[device.id] and device.id not in self._usage.shares:
            self._counters.give_back(device)


class _Counters:
    """What is left of the counters that partitions of one device share; read when a device first needs them."""

    def __init__(self, inventory: Inventory, usage: Usage) -> None:
        self._inventory = inventory
        self._usage = usage
        self._left: dict[PoolId, dict[tuple[str, str], int]] = {}

    def take(self, device: Device) -> bool:
        """Take what a device consumes, unless there is not enough left."""
        if not device.consumes:
            return True
        left = self._of(device.pool)
        if any(left.get((held, name), -1) < amount for held, name, amount in device.consumes):
            return False
        for held, name, amount in device.consumes:
            left[held, name] -= amount
        return True

    def give_back(self, device: Device) -> None:
        """Undo `take`."""
        for held, name, amount in device.consumes:
            self._left[device.pool][held, name] += amount

    def _of(self, pool: PoolId) -> dict[tuple[str, str], int]:
        left = self._left.get(pool)
        if left is None:
            left = self._left[pool] = dict(self._inventory.pools[pool].counters)
            for device in self._inventory.pools[pool].devices:
                if device.id in self._usage.whole or device.id in self._usage.shares:
                    for held, name, amount in device.consumes:
                        left[held, name] = left.get((held, name), 0) - amount
        return left
