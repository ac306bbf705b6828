"""One claim: who still uses it, when its devices are given back, and when it goes. Pure.

What always holds: devices are given back only when nobody uses the claim; the finalizer goes in a write of its own, after
the one that gave the devices back (which is why a look remembers that it did so: a finalizer without an allocation may also be one
that the scheduler has just set).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from kubern.api.pod_claims import FINALIZER, allocation, consumers, is_done
from kubern.base.json import Obj
from kubern.controllers.actions import Delete, Plan, Update
from kubern.controllers.owners import controller_of
from kubern.controllers.resources import RESOURCE_CLAIMS


class ClaimSeen(NamedTuple):
    """A claim and the pods of its namespace that it names (by name; one that is missing is gone). `released`: its devices were given
    back by an earlier look."""

    claim: Obj
    pods: Mapping[str, Obj]
    released: bool = False


def remember(seen: ClaimSeen, memory: bool | None, now: datetime) -> tuple[ClaimSeen, bool]:
    """Add what the last look did; return what the next one has to know."""
    released = bool(memory) and _protected(seen.claim) and allocation(seen.claim) is None
    seen = seen._replace(released=released)
    return seen, released or _giving_back(seen)


def decide_claim(seen: ClaimSeen, now: datetime) -> Plan:
    """Drop users that are gone, then the allocation, then the finalizer, then a generated claim itself."""
    claim, left = seen.claim, users(seen)
    if _giving_back(seen):
        gone = ("allocation", "devices", "reservedFor")
        status = {key: value for key, value in (claim.get("status") or {}).items() if key not in gone}
        return Plan((Update(RESOURCE_CLAIMS, {**claim, "status": status}, "status"),))
    if len(left) < len(consumers(claim)):
        status = {**claim["status"], "reservedFor": left}
        return Plan((Update(RESOURCE_CLAIMS, {**claim, "status": status}, "status"),))
    if left:
        return Plan()
    if _protected(claim) and (seen.released or claim["metadata"].get("deletionTimestamp")):
        finalizers = [each for each in claim["metadata"]["finalizers"] if each != FINALIZER]
        return Plan((Update(RESOURCE_CLAIMS, {**claim, "metadata": {**claim["metadata"], "finalizers": finalizers}}),))
    if _needless(seen) and not claim["metadata"].get("deletionTimestamp"):
        meta = claim["metadata"]
        return Plan((Delete(RESOURCE_CLAIMS, meta["namespace"], meta["name"], meta["uid"]),))
    return Plan()


def users(seen: ClaimSeen) -> list[Obj]:
    """Return the entries of `reservedFor` that are still true. What is no pod is not ours to judge."""
    return [each for each in consumers(seen.claim) if not is_pod(each) or _uses(seen.pods.get(each["name"]), each)]


def is_pod(entry: Obj) -> bool:
    """Say whether an entry of `reservedFor` is a pod's."""
    return not entry.get("apiGroup") and entry.get("resource") == "pods"


def _uses(pod: Obj | None, entry: Obj) -> bool:
    return pod is not None and pod["metadata"]["uid"] == entry["uid"] and not is_done(pod)


def _giving_back(seen: ClaimSeen) -> bool:
    """Whether the devices are to be given back: the last user went, or nobody uses a claim that is to be deleted."""
    claim = seen.claim
    if not _protected(claim) or allocation(claim) is None or users(seen):
        return False
    return bool(consumers(claim)) or bool(claim["metadata"].get("deletionTimestamp"))


def _protected(claim: Obj) -> bool:
    return FINALIZER in (claim["metadata"].get("finalizers") or ())


def _needless(seen: ClaimSeen) -> bool:
    """Whether a claim was generated for a pod that needs it no more. A pod that is gone is the garbage collector's business."""
    owner = controller_of(seen.claim)
    if owner is None or owner["kind"] != "Pod" or owner["apiVersion"] != "v1":
        return False
    pod = seen.pods.get(owner["name"])
    return pod is not None and (pod["metadata"]["uid"] != owner["uid"] or is_done(pod))
