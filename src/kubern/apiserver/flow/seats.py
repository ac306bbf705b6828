"""How many seats a level has: its nominal share, and what it borrows from others. Called by `control.FlowControl`; pure.

Source: KEP-1040, "Priority Level Seat borrowing". What always holds: no level falls below what it does not lend, none rises above
its borrowing limit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kubern.base.json import Obj


class Limits(NamedTuple):
    """A level's seats: without borrowing, with everything lent, and with everything borrowed that it may."""

    nominal: int
    least: int
    most: int


class Demand(NamedTuple):
    """What a level wanted lately: the most at one time, and smoothed."""

    high: float
    smooth: float


def shares_of(level: Obj) -> Obj:
    """Return the part of a PriorityLevelConfiguration that says how seats are shared."""
    spec = level["spec"]
    return (spec.get("exempt") if spec["type"] == "Exempt" else spec.get("limited")) or {}


def nominal_limits(levels: Mapping[str, Obj], server: int) -> dict[str, Limits]:
    """Divide the server's seats by the levels' shares, rounding up."""
    total = sum(shares_of(level).get("nominalConcurrencyShares") or 0 for level in levels.values())
    limits = {}
    for name, level in levels.items():
        own = shares_of(level)
        nominal = math.ceil(server * (own.get("nominalConcurrencyShares") or 0) / total) if total else 0
        lendable = round(nominal * (own.get("lendablePercent") or 0) / 100)
        percent = own.get("borrowingLimitPercent")
        most = server if percent is None else nominal + round(nominal * percent / 100)
        limits[name] = Limits(nominal, nominal - lendable, max(most, nominal))
    return limits


def borrowed(limits: Sequence[Limits], demands: Sequence[Demand], server: int) -> list[int]:
    """Return the seats of each level now: what it wants in fair proportion, within its limits.

    A level that wants its nominal seats gets them; what the others leave goes to those that want more."""
    floors = [max(limit.least, min(limit.nominal, d.high)) for limit, d in zip(limits, demands, strict=True)]
    targets = [max(floor, d.smooth, 0.001) for floor, d in zip(floors, demands, strict=True)]
    if sum(floors) >= server:
        return [math.ceil(floor) for floor in floors]

    def given(factor: float) -> list[float]:
        return [
            min(limit.most, max(floor, factor * target))
            for limit, floor, target in zip(limits, floors, targets, strict=True)
        ]

    low, high = 0.0, server / min(targets)
    for _ in range(60):
        middle = (low + high) / 2
        if sum(given(middle)) > server:
            high = middle
        else:
            low = middle
    return [round(seats) for seats in given(low)]
