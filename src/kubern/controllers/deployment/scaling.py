"""Sizes of ReplicaSets: the write and Event of a new size, and proportional scaling in mid-rollout. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.controllers.actions import Action, Patch, Told
from kubern.controllers.deployment.model import (
    DESIRED,
    MAX_REPLICAS,
    annotation,
    available,
    by_age,
    is_rolling,
    limits,
    number,
    replicas,
    total,
)
from kubern.controllers.resources import REPLICA_SETS


class Size(NamedTuple):
    """A ReplicaSet and how many replicas it is to have."""

    replica_set: Obj
    replicas: int


def resize(deployment: Obj, size: Size) -> list[Action]:
    """Return the write that gives a ReplicaSet its size and the Deployment's numbers as annotations; nothing when all is so."""
    replica_set, meta = size.replica_set, size.replica_set["metadata"]
    count = replicas(deployment)
    wanted = {DESIRED: str(count), MAX_REPLICAS: str(count + limits(deployment).surge)}
    old = replicas(replica_set)
    annotations = {name: value for name, value in wanted.items() if annotation(replica_set, name) != value}
    if old == size.replicas and not annotations:
        return []
    patch: Obj = {"metadata": {"annotations": wanted}}
    told = None
    if old != size.replicas:
        patch["spec"] = {"replicas": size.replicas}
        way = "up" if size.replicas > old else "down"
        told = Told(deployment, "ScalingReplicaSet", f"Scaled {way} replica set {{name}} from {old} to {size.replicas}")
    return [Patch(REPLICA_SETS, meta["namespace"], meta["name"], patch, told=told)]


def is_scaling_event(deployment: Obj, replica_sets: Sequence[Obj]) -> bool:
    """Say whether the Deployment's replicas have changed since its ReplicaSets were last sized."""
    return any(
        replicas(rs) > 0 and (desired := number(rs, DESIRED)) is not None and desired != replicas(deployment)
        for rs in replica_sets
    )


def scale(deployment: Obj, new: Obj | None, old: Sequence[Obj]) -> list[Size]:
    """Return the sizes after a change of spec.replicas alone: the one active ReplicaSet takes all, several share by proportion."""
    count = replicas(deployment)
    active = [rs for rs in (*old, *([new] if new else [])) if replicas(rs) > 0]
    only = _active_or_latest(active, new, old)
    if only is not None:
        return [Size(only, count)]
    if new is not None and _is_saturated(deployment, new):
        return [Size(rs, 0) for rs in old if replicas(rs) > 0]
    if not is_rolling(deployment):
        return []
    allowed = count + limits(deployment).surge if count else 0
    return _proportional(deployment, active, allowed - total(active))


def _active_or_latest(active: Sequence[Obj], new: Obj | None, old: Sequence[Obj]) -> Obj | None:
    if len(active) > 1:
        return None
    if active:
        return active[0]
    return new or (by_age(old)[-1] if old else None)


def _is_saturated(deployment: Obj, replica_set: Obj) -> bool:
    count = replicas(deployment)
    return number(replica_set, DESIRED) == count == replicas(replica_set) == available(replica_set)


def _proportional(deployment: Obj, active: Sequence[Obj], change: int) -> list[Size]:
    """Share `change` among the active ReplicaSets by their size; what rounding leaves over goes to the largest."""
    ordered = by_age(active)
    if change > 0:
        ordered.reverse()  # of equally large ones the newer gains
    ordered.sort(key=lambda rs: -replicas(rs))
    allowed = replicas(deployment) + limits(deployment).surge
    left, sizes = change, []
    for replica_set in ordered:
        share = _share(replica_set, allowed, change, left) if change else 0
        sizes.append(replicas(replica_set) + share)
        left -= share
    if sizes and left:
        sizes[0] = max(0, sizes[0] + left)
    return [Size(rs, size) for rs, size in zip(ordered, sizes, strict=True)]


def _share(replica_set: Obj, allowed: int, change: int, left: int) -> int:
    """Return one ReplicaSet's part of `change`: in proportion to the Deployment's size before, within what is left."""
    size = replicas(replica_set)
    if not left:
        return 0
    before = number(replica_set, MAX_REPLICAS) or max(allowed - change, 1)
    if change < 0 and allowed <= 0:
        return -size
    # half away from zero, as upstream rounds
    fraction = int(size * allowed / before + 0.5) - size
    return min(fraction, left) if change > 0 else max(fraction, left, -size)
