"""Taint eviction: deletes pods that do not tolerate a NoExecute taint of their node, when their time is up.

The time counts from when the taint was added (or the pod was made, if later), so that a restart of the controller changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from kubern.api.pod_conditions import disruption_target, observed_generation
from kubern.base.clock import parse_time
from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import STRATEGIC, Delete, Event, Patch, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.resources import NODES, PODS
from kubern.controllers.taints import NO_EXECUTE, taints_of, tolerating

REASON = "TaintManagerEviction"


class Observed(NamedTuple):
    """A pod on a node, that node's NoExecute taints, and whether the pod was about to be evicted."""

    pod: Obj
    taints: tuple[Obj, ...]
    scheduled: bool = False


def _pod(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A pod is looked at when it has got a node or other tolerations."""
    if after is None:
        return (key_of(before),) if before is not None else ()
    if before is not None and _facts(before) == _facts(after):
        return ()
    return (key_of(after),)


def _facts(pod: Obj) -> tuple[object, ...]:
    return pod["spec"].get("nodeName"), pod["spec"].get("tolerations"), pod["metadata"]["uid"]


def _pods_on(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A node's pods are looked at when its NoExecute taints change."""
    node = after or before
    if node is None or _executing(before) == _executing(after):
        return ()
    return [key_of(pod) for pod in cache.on_node(PODS, node["metadata"]["name"])]


def _executing(node: Obj | None) -> tuple[Obj, ...]:
    return tuple(taint for taint in taints_of(node) if taint["effect"] == NO_EXECUTE) if node else ()


WATCHES = (Watch(PODS, _pod), Watch(NODES, _pods_on))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a pod that is on a node and not being deleted."""
    pod = cache.at(PODS, key)
    if pod is None or not pod["spec"].get("nodeName") or pod["metadata"].get("deletionTimestamp"):
        return None
    return Observed(pod, _executing(cache.get(NODES, "", pod["spec"]["nodeName"])))


def recall(observed: Observed, memory: bool | None, now: datetime) -> tuple[Observed, bool]:
    """Add whether an eviction was pending, so that its end can be told."""
    return observed._replace(scheduled=bool(memory)), bool(observed.taints) and _deadline(observed) is not None


def decide(observed: Observed, now: datetime) -> Plan:
    """Delete the pod, or come back when its time is up."""
    pod, meta = observed.pod, observed.pod["metadata"]
    name = f"{meta['namespace']}/{meta['name']}"
    deadline = _deadline(observed)
    if deadline is None:
        if observed.scheduled:
            return Plan((Event(pod, "Normal", REASON, f"Cancelling deletion of Pod {name}"),))
        return Plan()
    left = (deadline - now).total_seconds()
    if left > 0:
        return Plan(requeue_after=left)
    message = "Taint manager: deleting due to NoExecute taint"
    condition = disruption_target(pod, "DeletionByTaintManager", message, now)
    status = {"conditions": [condition], **observed_generation(pod)}
    patch = {"metadata": {"uid": meta["uid"]}, "status": status}
    return Plan(
        (
            Event(pod, "Normal", REASON, f"Marking for deletion Pod {name}"),
            Patch(PODS, meta["namespace"], meta["name"], patch, "status", STRATEGIC),
            Delete(PODS, meta["namespace"], meta["name"], meta["uid"]),
        )
    )


def _deadline(observed: Observed) -> datetime | None:
    """Return when the pod has to go; None when all taints are tolerated for ever."""
    meta = observed.pod["metadata"]
    created = parse_time(meta["creationTimestamp"])
    deadlines = []
    for taint in observed.taints:
        toleration = tolerating(observed.pod["spec"].get("tolerations") or (), taint)
        if toleration is None:
            return created
        seconds = toleration.get("tolerationSeconds")
        if seconds is not None:
            since = parse_time(taint["timeAdded"]) if taint.get("timeAdded") else created
            deadlines.append(max(since, created).timestamp() + max(seconds, 0))
    return datetime.fromtimestamp(min(deadlines), created.tzinfo) if deadlines else None


CONTROLLER = Controller(
    "taint-eviction-controller",
    Reconciler(PODS, WATCHES, observe, decide, "taint-eviction-controller", workers=8, recall=recall),
    account="node-controller",
)
