"""The two strategies: which sizes the next step of a rollout has. Pure.

What always holds for RollingUpdate, whatever the observed state: never more than replicas + maxSurge pods, even while ReplicaSets that
shrink have not deleted theirs yet, and never a step that takes the available ones below replicas - maxUnavailable.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubern.base.json import Obj
from kubern.controllers.deployment.model import available, by_age, is_behind, is_rolling, limits, replicas, total
from kubern.controllers.deployment.scaling import Size


def size_of_new(deployment: Obj, new: Obj | None, old: Sequence[Obj]) -> int:
    """Return how many replicas the newest ReplicaSet may have now."""
    count, size = replicas(deployment), replicas(new) if new else 0
    if not is_rolling(deployment):
        return count
    if size >= count:
        return count
    if any(map(is_behind, old)):
        return size
    room = count + limits(deployment).surge - sum(map(_there, old)) - size
    return size + max(0, min(room, count - size))


def _there(replica_set: Obj) -> int:
    """Return how many pods a ReplicaSet has or will have: those that are yet to be deleted take room too."""
    return max(replicas(replica_set), int((replica_set.get("status") or {}).get("replicas") or 0))


def sizes_of_old(deployment: Obj, new: Obj, old: Sequence[Obj]) -> list[Size]:
    """Return the old ReplicaSets' smaller sizes: pods that are not available go first, then as many as availability allows."""
    active = [rs for rs in by_age(old) if replicas(rs) > 0]
    if not active or any(map(is_behind, (new, *active))):
        return []
    least = replicas(deployment) - limits(deployment).unavailable
    unavailable_new = replicas(new) - available(new)
    spare = total(active) + replicas(new) - least - unavailable_new
    if spare <= 0:
        return []
    sizes = _without_unhealthy(active, spare)
    # pods beyond a ReplicaSet's size are on their way out, though its status may still count them
    surplus = min(available(new), replicas(new)) + sum(min(available(rs), replicas(rs)) for rs in active) - least
    for index in range(len(active)):
        cut = min(sizes[index], max(surplus, 0))
        # a ReplicaSet that shrinks deletes its pods that are not ready first; counting all as available is the safe side
        sizes[index] -= cut
        surplus -= cut
    return [Size(rs, size) for rs, size in zip(active, sizes, strict=True) if size != replicas(rs)]


def _without_unhealthy(active: Sequence[Obj], spare: int) -> list[int]:
    """Return the sizes after at most `spare` pods that are not available have gone."""
    sizes = []
    for replica_set in active:
        size = replicas(replica_set)
        cut = max(0, min(spare, size - available(replica_set)))
        spare -= cut
        sizes.append(size - cut)
    return sizes
