"""Keeps a number of pods: the decision that ReplicaSet and ReplicationController share. Pure.

Source: the ReplicaSet documentation and upstream's events, conditions and order of deletion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.errors import StatusError
from kubern.base.json import Obj
from kubern.client.labels import selects_map
from kubern.controllers.actions import Action, Create, Delete, Plan, Told
from kubern.controllers.conditions import changed, find, without
from kubern.controllers.pods import available_in, deletion_order, from_template, is_active, is_ready
from kubern.controllers.resources import PODS

BURST = 500
"""Pods created or deleted in one go."""


class Observed(NamedTuple):
    """An owner (ReplicaSet or ReplicationController) with what it has claimed."""

    owner: Obj
    reference: Obj
    """The owner reference that its pods get."""
    pods: Sequence[Obj]
    """All claimed pods that have not finished, those being deleted too."""
    claims: tuple[Action, ...]
    crowding: Callable[[], Mapping[str, int]]
    """Counts the pods of the owner's siblings (same controller) by node; asked only when some have to go."""


def crowding(pods: Sequence[Obj]) -> Mapping[str, int]:
    """Count active pods by node."""
    return Counter(pod["spec"].get("nodeName") or "" for pod in pods if is_active(pod))


def decide(observed: Observed, now: datetime) -> Plan:
    """Create or delete what differs from spec.replicas, and report."""
    owner = observed.owner
    active = [pod for pod in observed.pods if is_active(pod)]
    actions = list(observed.claims)
    difference = len(active) - owner["spec"].get("replicas", 1)
    if not owner["metadata"].get("deletionTimestamp"):
        if difference < 0:
            actions += _creations(observed, min(-difference, BURST))
        elif difference > 0:
            crowded = observed.crowding()
            doomed = sorted(active, key=lambda pod: deletion_order(pod, crowded, now))
            actions += [_deletion(owner, pod) for pod in doomed[: min(difference, BURST)]]
    return Plan(tuple(actions), _status(observed, active, now), _next_available(owner, active, now))


def failed(observed: Observed, error: StatusError, now: datetime) -> Obj | None:
    """Return the status that says why pods could not be created or deleted."""
    owner = observed.owner
    active = [pod for pod in observed.pods if is_active(pod)]
    status = _status(observed, active, now)
    difference = len(active) - owner["spec"].get("replicas", 1)
    if difference == 0:
        return None
    reason = "FailedCreate" if difference < 0 else "FailedDelete"
    new = {"type": "ReplicaFailure", "status": "True", "reason": reason, "message": error.message}
    before = find((owner.get("status") or {}).get("conditions"), "ReplicaFailure")
    kept = [*without(status.get("conditions"), "ReplicaFailure"), *([before] if before else [])]
    return {**status, "conditions": changed(kept, new, now)}


def _creations(observed: Observed, count: int) -> list[Action]:
    owner = observed.owner
    told = Told(owner, "SuccessfulCreate", "Created pod: {name}", "FailedCreate", "Error creating: {error}")
    pod = from_template(owner["spec"]["template"], owner, observed.reference)
    return [Create(PODS, pod, owner["metadata"]["namespace"], told)] * count


def _deletion(owner: Obj, pod: Obj) -> Delete:
    told = Told(owner, "SuccessfulDelete", "Deleted pod: {name}", "FailedDelete", "Error deleting: {error}")
    meta = pod["metadata"]
    return Delete(PODS, meta["namespace"], meta["name"], meta["uid"], told)


def _status(observed: Observed, active: Sequence[Obj], now: datetime) -> Obj:
    owner = observed.owner
    old = owner.get("status") or {}
    labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    least = owner["spec"].get("minReadySeconds") or 0
    status: Obj = {"replicas": len(active)}
    ready = [pod for pod in active if is_ready(pod)]
    counts = {
        "fullyLabeledReplicas": sum(selects_map(labels, pod["metadata"].get("labels")) for pod in active),
        "readyReplicas": len(ready),
        "availableReplicas": sum(available_in(pod, least, now) == 0.0 for pod in ready) if least else len(ready),
    }
    status |= {name: count for name, count in counts.items() if count}
    if observed.reference["kind"] == "ReplicaSet":
        status["terminatingReplicas"] = sum(bool(pod["metadata"].get("deletionTimestamp")) for pod in observed.pods)
    status["observedGeneration"] = owner["metadata"].get("generation", 0)
    conditions = without(old.get("conditions"), "ReplicaFailure")
    if conditions:
        status["conditions"] = conditions
    return status


def _next_available(owner: Obj, active: Sequence[Obj], now: datetime) -> float | None:
    """Return when the next ready pod becomes available."""
    least = owner["spec"].get("minReadySeconds") or 0
    if not least:
        return None
    waits = [wait for pod in active if (wait := available_in(pod, least, now))]
    return min(waits, default=None)
