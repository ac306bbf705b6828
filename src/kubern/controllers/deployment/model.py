"""What a Deployment's decision is about: the Deployment, its ReplicaSets, and the numbers that its strategy allows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.controllers.actions import Action

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"


class Observed(NamedTuple):
    """A Deployment and what it has claimed."""

    deployment: Obj
    replica_sets: Sequence[Obj]
    claims: tuple[Action, ...]
    old_pods_running: bool
    """Whether pods of ReplicaSets with another template have not ended yet (Recreate waits for them)."""
    name_taken: bool
    """Whether another ReplicaSet already has the name that a new one would get."""


def replicas(obj: Obj) -> int:
    """Return spec.replicas."""
    return int(obj["spec"].get("replicas", 1))


def available(replica_set: Obj) -> int:
    """Return how many pods of a ReplicaSet are available."""
    return int((replica_set.get("status") or {}).get("availableReplicas") or 0)


def is_behind(replica_set: Obj) -> bool:
    """Say whether a ReplicaSet was resized and its status does not tell yet what became of its pods: there may be more, or fewer
    available, than it says (after 4, 0 and 4 replicas in quick succession perhaps none)."""
    seen = (replica_set.get("status") or {}).get("observedGeneration") or 0
    return int(replica_set["metadata"].get("generation") or 1) > max(seen, 1)


def total(replica_sets: Iterable[Obj]) -> int:
    """Return the sum of spec.replicas."""
    return sum(map(replicas, replica_sets))


def annotation(obj: Obj, name: str) -> str:
    """Return an annotation, or nothing."""
    return str((obj["metadata"].get("annotations") or {}).get(name, ""))


def number(obj: Obj, name: str) -> int | None:
    """Return an annotation that is a number."""
    text = annotation(obj, name)
    return int(text) if text.isdigit() else None


def by_age(replica_sets: Iterable[Obj]) -> list[Obj]:
    """Sort by creation, the oldest first."""
    return sorted(replica_sets, key=lambda rs: (rs["metadata"].get("creationTimestamp") or "", rs["metadata"]["name"]))


def is_rolling(deployment: Obj) -> bool:
    """Say whether the strategy is RollingUpdate, which is the default."""
    return bool((deployment["spec"].get("strategy") or {}).get("type", "RollingUpdate") == "RollingUpdate")


class Limits(NamedTuple):
    """How many pods a rolling update may have too many and too few."""

    surge: int
    unavailable: int


def limits(deployment: Obj) -> Limits:
    """Return maxSurge (rounded up) and maxUnavailable (rounded down); both 0 would be a deadlock and counts as 0 and 1."""
    if not is_rolling(deployment):
        return Limits(0, 0)
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    count = replicas(deployment)
    surge = scaled(rolling.get("maxSurge", "25%"), count, round_up=True)
    unavailable = scaled(rolling.get("maxUnavailable", "25%"), count, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Limits(surge, min(unavailable, count))


def scaled(value: int | str, count: int, *, round_up: bool) -> int:
    """Return an int-or-percent of `count`."""
    if isinstance(value, int):
        return value
    hundredths = int(value.rstrip("%")) * count
    return -(-hundredths // 100) if round_up else hundredths // 100
