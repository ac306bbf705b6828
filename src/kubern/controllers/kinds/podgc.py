"""Pod garbage: pods that ended long ago, whose node is gone, or that nobody is there to end.

Looked at every 20 seconds, and when a node goes. Source: the documentation "Garbage collection of Pods".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.api.pod_conditions import disruption_target, observed_generation
from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers.actions import STRATEGIC, Action, Delete, Patch, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.pods import is_finished, is_ready
from kubern.controllers.resources import NODES, PODS
from kubern.controllers.taints import OUT_OF_SERVICE, taints_of

ALL: Key = ("", "")
PERIOD = 20.0
QUARANTINE = 40.0
"""Seconds that a node must be missing before its pods go: it may only be late in coming."""


class Observed(NamedTuple):
    """All pods and nodes, and since when nodes that pods name are missing."""

    pods: Sequence[Obj]
    nodes: Mapping[str, Obj]
    threshold: int
    missing: Mapping[str, datetime] = {}


def _node(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """Nodes that come begin the rounds; the pods of one that goes are looked at at once."""
    return (ALL,) if before is None or after is None else ()


def _stray(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A pod that is deleted before it had a node needs nobody's grace; one that is found on a node that is not there may be left over
    from before this process began."""
    if after is None:
        return ()
    node = after["spec"].get("nodeName")
    if not node:
        return (ALL,) if after["metadata"].get("deletionTimestamp") else ()
    return (ALL,) if before is None and cache.get(NODES, "", node) is None else ()


WATCHES = (Watch(NODES, _node), Watch(PODS, _stray))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return all pods and nodes."""
    nodes = {node["metadata"]["name"]: node for node in cache.list(NODES)}
    return Observed(cache.list(PODS), nodes, cache.options.terminated_pod_gc_threshold)


def recall(
    observed: Observed, memory: Mapping[str, datetime] | None, now: datetime
) -> tuple[Observed, Mapping[str, datetime]]:
    """Add since when each missing node is missing."""
    named = {pod["spec"].get("nodeName") for pod in observed.pods}
    missing = {name: (memory or {}).get(name, now) for name in named if name and name not in observed.nodes}
    return observed._replace(missing=missing), missing


def decide(observed: Observed, now: datetime) -> Plan:
    """Delete at once what has to go, with the reason on the pod."""
    actions: list[Action] = _ended(observed)
    for pod in observed.pods:
        message = _reason(pod, observed, now)
        if message is not None:
            actions += _force(pod, message, now)
    return Plan(tuple(actions), requeue_after=PERIOD)


def _ended(observed: Observed) -> list[Action]:
    finished = [pod for pod in observed.pods if is_finished(pod) and not pod["metadata"].get("deletionTimestamp")]
    excess = len(finished) - observed.threshold
    if observed.threshold <= 0 or excess <= 0:
        return []
    oldest = sorted(finished, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))
    return [_deletion(pod) for pod in oldest[:excess]]


def _reason(pod: Obj, observed: Observed, now: datetime) -> str | None:
    """Return why a pod is deleted by force, empty for no need to say so, None to leave it alone."""
    node, terminating = pod["spec"].get("nodeName"), pod["metadata"].get("deletionTimestamp")
    if not node:
        return "" if terminating else None
    since = observed.missing.get(node)
    if since is not None:
        return "PodGC: node no longer exists" if (now - since).total_seconds() >= QUARANTINE else None
    found = observed.nodes.get(node)
    out = found is not None and not is_ready(found) and any(t["key"] == OUT_OF_SERVICE for t in taints_of(found))
    return "PodGC: node is out of service" if terminating and out else None


def _force(pod: Obj, message: str, now: datetime) -> list[Action]:
    meta = pod["metadata"]
    actions: list[Action] = []
    if message and not is_finished(pod):
        condition = disruption_target(pod, "DeletionByPodGC", message, now)
        status = {"phase": "Failed", "conditions": [condition], **observed_generation(pod)}
        patch = {"metadata": {"uid": meta["uid"]}, "status": status}
        actions.append(Patch(PODS, meta["namespace"], meta["name"], patch, "status", STRATEGIC))
    return [*actions, _deletion(pod)]


def _deletion(pod: Obj) -> Delete:
    meta = pod["metadata"]
    return Delete(PODS, meta["namespace"], meta["name"], meta["uid"], grace_period=0)


CONTROLLER = Controller(
    "pod-garbage-collector-controller",
    Reconciler(PODS, WATCHES, observe, decide, "pod-garbage-collector", workers=1, recall=recall),
    account="pod-garbage-collector",
)
