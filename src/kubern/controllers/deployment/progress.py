"""The Deployment's status: counts, Available, and how the rollout goes (Progressing, its deadline). Pure.

Source: the documentation "Deployment status" and upstream's reasons and messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from kubern.base.clock import parse_time, rfc3339
from kubern.base.json import Obj
from kubern.controllers.conditions import find, without
from kubern.controllers.deployment.model import available, limits, replicas

NO_DEADLINE = 2**31 - 1
DONE, UPDATED, TIMED_OUT = "NewReplicaSetAvailable", "ReplicaSetUpdated", "ProgressDeadlineExceeded"
CREATED, FOUND, PAUSED, RESUMED = "NewReplicaSetCreated", "FoundNewReplicaSet", "DeploymentPaused", "DeploymentResumed"


def has_deadline(deployment: Obj) -> bool:
    """Say whether progress is watched at all."""
    return deployment["spec"].get("progressDeadlineSeconds", NO_DEADLINE) not in (None, NO_DEADLINE)


def with_condition(conditions: Sequence[Obj], new: Obj, now: datetime) -> list[Obj]:
    """Return the conditions with `new` set; one of the same status and reason stays as it is."""
    old = find(conditions, new["type"])
    if old is not None and old["status"] == new["status"] and old.get("reason") == new["reason"]:
        return list(conditions)
    stamp = rfc3339(now)
    kept = old is not None and old["status"] == new["status"]
    transition = (old or {}).get("lastTransitionTime") if kept else stamp
    return [*without(conditions, new["type"]), {**new, "lastUpdateTime": stamp, "lastTransitionTime": transition}]


def progressing(status: str, reason: str, message: str) -> Obj:
    """Return a Progressing condition."""
    return {"type": "Progressing", "status": status, "reason": reason, "message": message}


def counts(deployment: Obj, new: Obj | None, replica_sets: Sequence[Obj], conditions: list[Obj], now: datetime) -> Obj:
    """Return the status that the ReplicaSets' own statuses add up to, with the Available condition."""
    statuses = [rs.get("status") or {} for rs in replica_sets]
    wanted = sum(map(replicas, replica_sets))
    ready = sum(status.get("readyReplicas") or 0 for status in statuses)
    there = sum(map(available, replica_sets))
    found: Obj = {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "replicas": sum(status.get("replicas") or 0 for status in statuses),
        "updatedReplicas": ((new or {}).get("status") or {}).get("replicas") or 0,
        "readyReplicas": ready,
        "availableReplicas": there,
        "unavailableReplicas": max(0, wanted - there),
    }
    result: Obj = {name: value for name, value in found.items() if value}
    result["terminatingReplicas"] = sum(status.get("terminatingReplicas") or 0 for status in statuses)
    collisions = (deployment.get("status") or {}).get("collisionCount")
    if collisions is not None:
        result["collisionCount"] = collisions
    enough = there >= replicas(deployment) - limits(deployment).unavailable
    verb = "has" if enough else "does not have"
    condition = {
        "type": "Available",
        "status": "True" if enough else "False",
        "reason": "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        "message": f"Deployment {verb} minimum availability.",
    }
    result["conditions"] = with_condition(conditions, condition, now)
    return result


def is_complete(deployment: Obj, status: Obj) -> bool:
    """Say whether every pod is of the newest template and available, and no other one is left."""
    count = replicas(deployment)
    return all(status.get(name, 0) == count for name in ("updatedReplicas", "replicas", "availableReplicas")) and (
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    )


def rollout(deployment: Obj, new: Obj | None, replica_sets: Sequence[Obj], status: Obj, now: datetime) -> Obj:
    """Return the status with what there is to say about the rollout's progress, and about pods that cannot be created."""
    conditions: list[Obj] = status["conditions"]
    if not has_deadline(deployment):
        conditions = without(conditions, "Progressing")
    else:
        conditions = _judged(deployment, new, status, conditions, now)
    failure = _failure(new, replica_sets)
    conditions = with_condition(conditions, failure, now) if failure else without(conditions, "ReplicaFailure")
    return {**status, "conditions": conditions}


def _judged(deployment: Obj, new: Obj | None, status: Obj, conditions: list[Obj], now: datetime) -> list[Obj]:
    current = find(conditions, "Progressing")
    settled = status.get("replicas", 0) == status.get("updatedReplicas", 0)
    if settled and current is not None and current.get("reason") == DONE:
        return conditions
    subject = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    if is_complete(deployment, status):
        return with_condition(conditions, progressing("True", DONE, f"{subject} has successfully progressed."), now)
    if _moves(deployment.get("status") or {}, status):
        condition = progressing("True", UPDATED, f"{subject} is progressing.")
        if current is None:
            return with_condition(conditions, condition, now)
        # the time of the last progress is what the deadline counts from: it moves though status and reason do not
        kept = current["lastTransitionTime"] if current["status"] == "True" else rfc3339(now)
        fresh = {**condition, "lastUpdateTime": rfc3339(now), "lastTransitionTime": kept}
        return [*without(conditions, "Progressing"), fresh]
    if _timed_out(deployment, current, now):
        return with_condition(conditions, progressing("False", TIMED_OUT, f"{subject} has timed out progressing."), now)
    return conditions


def _moves(old: Obj, new: Obj) -> bool:
    def past(status: Obj) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    grown = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return past(new) < past(old) or any(new.get(name, 0) > old.get(name, 0) for name in grown)


def _timed_out(deployment: Obj, current: Obj | None, now: datetime) -> bool:
    if current is None or current.get("reason") == DONE:
        return False
    if current.get("reason") == TIMED_OUT:
        return True
    left = deadline_in(deployment, current, now)
    return left is not None and left < 0


def deadline_in(deployment: Obj, current: Obj | None, now: datetime) -> float | None:
    """Return the seconds until the rollout counts as stuck, None when nothing is waited for."""
    if current is None or not has_deadline(deployment) or current.get("reason") in (DONE, TIMED_OUT, PAUSED):
        return None
    since = current.get("lastUpdateTime")
    if not since:
        return None
    until = parse_time(since) + timedelta(seconds=deployment["spec"]["progressDeadlineSeconds"])
    return (until - now).total_seconds()


def _failure(new: Obj | None, replica_sets: Sequence[Obj]) -> Obj | None:
    for replica_set in (*([new] if new else []), *replica_sets):
        found = find((replica_set.get("status") or {}).get("conditions"), "ReplicaFailure")
        if found is not None:
            return {name: found.get(name, "") for name in ("type", "status", "reason", "message")}
    return None
