"""What a candidate makes of the Lease that it contends for. Pure.

The record's own times are another machine's: what counts is when a change of it was seen here, by the local monotonic clock.
Source: the API documentation of coordination.k8s.io/v1 Lease and client-go's leader election.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from kubern.base.clock import rfc3339_micro
from kubern.base.json import Obj


class Seen(NamedTuple):
    """A Lease as it was last read or written, and since when (seconds, monotonic) its record is known to be so."""

    lease: Obj
    at: float

    @property
    def holder(self) -> str:
        """The identity of who leads; empty: nobody."""
        return str((self.lease.get("spec") or {}).get("holderIdentity") or "")


def observed(before: Seen | None, lease: Obj, now: float) -> Seen:
    """Return what is known after a look at the Lease: a record that has not changed is as old as it was."""
    same = before is not None and before.lease.get("spec") == lease.get("spec")
    return Seen(lease, before.at if same and before is not None else now)


def valid(seen: Seen, now: float) -> bool:
    """Whether the record's holder may still be working."""
    return now < seen.at + float((seen.lease.get("spec") or {}).get("leaseDurationSeconds") or 0)


def may_take(seen: Seen, identity: str, now: float) -> bool:
    """Whether a candidate may write itself into the record: it leads already, nobody does, or who does is silent."""
    return seen.holder in ("", identity) or not valid(seen, now)


def taken(spec: Obj | None, identity: str, duration: float, now: datetime) -> Obj:
    """Return the record of a candidate that takes the Lease (spec None: there is none yet) or renews it."""
    held, moment = spec or {}, rfc3339_micro(now)
    mine = held.get("holderIdentity") == identity
    transitions = int(held.get("leaseTransitions") or 0)
    return {
        **held,
        "holderIdentity": identity,
        "leaseDurationSeconds": int(duration),
        "acquireTime": (held.get("acquireTime") or moment) if mine else moment,
        "renewTime": moment,
        "leaseTransitions": transitions if mine or spec is None else transitions + 1,
    }


def released(spec: Obj, now: datetime) -> Obj:
    """Return the record of a holder that gives the Lease up: the next candidate need not wait."""
    moment = rfc3339_micro(now)
    return {**spec, "holderIdentity": "", "leaseDurationSeconds": 1, "acquireTime": moment, "renewTime": moment}
