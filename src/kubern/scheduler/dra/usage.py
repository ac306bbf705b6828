"""What claims have taken of the devices: whole ones, and of shared ones how much of each capacity.

The ledger is kept up to date claim by claim, so that a cycle costs a look at each claim and no more. What always holds: a claim counts
once, in its newest form, which may be newer than the local copy (what this scheduler is about to write, or has just written).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from kubern.api.pod_claims import allocation
from kubern.base.json import Obj
from kubern.base.quantity import parse
from kubern.scheduler.dra.inventory import DeviceId

Share = tuple[DeviceId, Mapping[str, int] | None]
"""A device that a claim has, and what it consumes of it; None: all of it."""


class Usage(NamedTuple):
    """Devices that are taken as a whole; of those that several may have, what is consumed, in nano units by capacity."""

    whole: Set[DeviceId] = frozenset()
    shares: Mapping[DeviceId, Mapping[str, int]] = {}


def used_by(allocations: Iterable[Obj]) -> Usage:
    """Return what the allocations of claims (status.allocation) take."""
    ledger = Ledger()
    ledger.sync([{"status": {"allocation": each}, "metadata": {"uid": str(i)}} for i, each in enumerate(allocations)])
    return ledger.usage


def taken_by(held: Obj | None) -> Iterator[Share]:
    """Yield what an allocation takes. Admin access takes nothing."""
    for result in ((held or {}).get("devices") or {}).get("results") or ():
        if result.get("adminAccess"):
            continue
        device = (result["driver"], result["pool"], result["device"])
        if not result.get("shareID"):
            yield device, None
            continue
        consumed = result.get("consumedCapacity") or {}
        yield (
            device,
            {name if "/" in name else f"{device[0]}/{name}": parse(amount).nano for name, amount in consumed.items()},
        )


class Ledger:
    """All claims and what they take."""

    def __init__(self) -> None:
        self._whole: dict[DeviceId, int] = {}
        self._shares: dict[DeviceId, dict[str, int]] = {}
        self._sharers: dict[DeviceId, int] = {}
        self._copies: dict[str, Obj] = {}
        self._taken: dict[str, tuple[Share, ...]] = {}
        self._ahead: dict[str, tuple[Obj, int]] = {}
        """By uid: a claim newer than its copy, and the version that a copy must have to be newer still (0: not written yet)."""
        self.usage = Usage(self._whole.keys(), self._shares)
        """What is taken now; it changes with the ledger."""

    def sync(self, claims: Sequence[Obj]) -> None:
        """Take over the local copies of all claims."""
        copies = self._copies
        for claim in claims:
            uid = claim["metadata"]["uid"]
            if copies.get(uid) is not claim:
                copies[uid] = claim
                self._arrived(uid, claim)
        if len(claims) < len(copies):
            for uid in copies.keys() - {claim["metadata"]["uid"] for claim in claims}:
                del copies[uid]
                self._ahead.pop(uid, None)
                self._count(uid, None)

    def expect(self, claim: Obj, *, written: bool = False) -> None:
        """Count a claim as it is about to be written, or as it was just written."""
        uid = claim["metadata"]["uid"]
        self._ahead[uid] = (claim, _version(claim) if written else 0)
        self._count(uid, claim)

    def expected(self, uid: str) -> Obj | None:
        """Return a claim's form that is newer than the local copy, None when there is none."""
        held = self._ahead.get(uid)
        return held[0] if held is not None else None

    def pending(self, uid: str) -> bool:
        """Say whether a claim's allocation is decided and not written yet."""
        held = self._ahead.get(uid)
        return held is not None and not held[1]

    def withdraw(self, uid: str) -> None:
        """Count a claim as the local copy has it again."""
        self._ahead.pop(uid, None)
        self._count(uid, self._copies.get(uid))

    def _arrived(self, uid: str, claim: Obj) -> None:
        held = self._ahead.get(uid)
        if held is not None:
            if not held[1] or _version(claim) < held[1]:
                return
            del self._ahead[uid]
        self._count(uid, claim)

    def _count(self, uid: str, claim: Obj | None) -> None:
        taken = () if claim is None else tuple(taken_by(allocation(claim)))
        before = self._taken.pop(uid, ())
        if taken:
            self._taken[uid] = taken
        if taken != before:
            for share in before:
                self._change(share, -1)
            for share in taken:
                self._change(share, 1)

    def _change(self, share: Share, sign: int) -> None:
        device, consumed = share
        holders = self._whole if consumed is None else self._sharers
        holders[device] = holders.get(device, 0) + sign
        if consumed is not None:
            amounts = self._shares.setdefault(device, {})
            for name, amount in consumed.items():
                amounts[name] = amounts.get(name, 0) + sign * amount
        if not holders[device]:
            del holders[device]
            if consumed is not None:
                del self._shares[device]


def _version(claim: Obj) -> int:
    version = str(claim["metadata"].get("resourceVersion") or "")
    return int(version) if version.isdigit() else 0
