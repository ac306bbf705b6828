"""Which pod has to go when the node runs short of memory or disk. Pure. Source: the documentation, "Node-pressure Eviction"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.kubelet.podspec import UID_LABEL, is_static, uid
from kubern.kubelet.qos import total
from kubern.kubelet.runtime.contract import ContainerStats
from kubern.kubelet.status import Verdict

_CRITICAL = 2_000_000_000


class Shortage(NamedTuple):
    """What there is too little of: memory or ephemeral-storage, in bytes."""

    resource: str
    threshold: int
    available: int


class Victim(NamedTuple):
    """The pod that has to go, and what its status will say."""

    uid: str
    verdict: Verdict


def used_by_pod(stats: Iterable[ContainerStats], resource: str) -> dict[str, int]:
    """Return how much of a resource each pod uses, by uid."""
    found: dict[str, int] = {}
    for each in stats:
        pod_uid = each.labels.get(UID_LABEL, "")
        amount = each.memory_working_set if resource == "memory" else each.disk_used
        found[pod_uid] = found.get(pod_uid, 0) + amount
    return found


def victim(pods: Iterable[Obj], used: Mapping[str, int], shortage: Shortage) -> Victim | None:
    """Return the pod to evict: first who uses more than it asked for, then lower priority, then who exceeds its request most.

    Static pods and the system's own are never evicted.
    """
    candidates = [
        pod
        for pod in pods
        if not is_static(pod) and int(pod["spec"].get("priority") or 0) < _CRITICAL and used.get(uid(pod))
    ]
    if not candidates:
        return None

    def rank(pod: Obj) -> tuple[bool, int, int]:
        excess = used[uid(pod)] - total(pod).get(shortage.resource, 0)
        return (excess <= 0, int(pod["spec"].get("priority") or 0), -excess)

    chosen = min(candidates, key=rank)
    request = total(chosen).get(shortage.resource, 0)
    text = (
        f"The node was low on resource: {shortage.resource}. Threshold quantity: {_shown(shortage.threshold)}, "
        f"available: {_shown(shortage.available)}. "
    )
    if used[uid(chosen)] > request:
        text += (
            f"Pod {chosen['metadata']['name']} was using {_shown(used[uid(chosen)])}, request is {_shown(request)}, "
            f"has larger consumption of {shortage.resource}. "
        )
    return Victim(uid(chosen), Verdict("Evicted", text))


def _shown(amount: int) -> str:
    return f"{amount // 1024}Ki" if amount else "0"
