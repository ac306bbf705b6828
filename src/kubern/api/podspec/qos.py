"""A pod's quality of service class, from its requests and limits. Called when a pod is created, and by whoever evicts."""

from __future__ import annotations

from kubern.base.json import Obj
from kubern.base.quantity import parse

_COUNTED = ("cpu", "memory")


def qos_class(spec: Obj) -> str:
    """Return `Guaranteed`, `Burstable` or `BestEffort`. Pod-level resources, where given, decide alone."""
    own = spec.get("resources")
    if own and (_amounts(own, "requests") or _amounts(own, "limits")):
        holders = [own]
    else:
        containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
        holders = [container.get("resources") or {} for container in containers]
    requests = [_amounts(holder, "requests") for holder in holders]
    limits = [_amounts(holder, "limits") for holder in holders]
    if not any(requests) and not any(limits):
        return "BestEffort"
    same = all(asked == limit for asked, limit in zip(requests, limits, strict=True))
    if same and all(limit.keys() == set(_COUNTED) for limit in limits):
        return "Guaranteed"
    return "Burstable"


def _amounts(resources: Obj, kind: str) -> dict[str, object]:
    """Return the amounts that count: of cpu and memory, more than nothing."""
    given = resources.get(kind) or {}
    amounts = {name: parse(given[name]) for name in _COUNTED if name in given}
    return {name: amount for name, amount in amounts.items() if amount > 0}
