"""Device taint eviction: deletes pods that use a device with a NoExecute taint which their claim does not tolerate, when their time is up.

The time counts from when the taint was added, so that a restart of the controller changes nothing.
Source: the Kubernetes documentation, "Device taints and tolerations".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from kubern.api.device_taints import tolerates
from kubern.api.pod_claims import allocation, consumers, pod_claims, reserved_for
from kubern.api.pod_conditions import disruption_target, observed_generation
from kubern.base.clock import parse_time
from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import STRATEGIC, Delete, Event, Patch, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.pods import is_finished
from kubern.controllers.resources import PODS, RESOURCE_CLAIMS, RESOURCE_SLICES

NO_EXECUTE = "NoExecute"
REASON = "DeviceTaintManagerEviction"


class Tainted(NamedTuple):
    """A taint of a device that the pod uses, and the tolerations that its request had."""

    taint: Obj
    tolerations: tuple[Obj, ...]
    since: str
    """When the slice was made: what counts for a taint without a time."""


class Observed(NamedTuple):
    """A pod on a node, the NoExecute taints of its devices, and whether it was about to be evicted."""

    pod: Obj
    tainted: tuple[Tainted, ...]
    scheduled: bool = False


def _pod(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    pod = after if after is not None else before
    return (key_of(pod),) if pod is not None and pod["spec"].get("resourceClaims") else ()


def _claim(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A claim's users are looked at when it is allocated, reserved or given back."""
    return {
        (claim["metadata"]["namespace"], user["name"])
        for claim in (before, after)
        if claim is not None
        for user in consumers(claim)
        if user.get("resource") == "pods"
    }


def _slice(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """The users of a pool's devices are looked at when a taint comes or goes."""
    if _executing(before) == _executing(after):
        return ()
    pools = {_pool_of(each["spec"]) for each in (before, after) if each is not None}
    claims = [claim for pool in pools for claim in cache.indexed(RESOURCE_CLAIMS, "device pool", _pools, pool)]
    return {key for claim in claims for key in _claim(None, claim, cache)}


def _executing(obj: Obj | None) -> list[tuple[str, Obj]]:
    devices = obj["spec"].get("devices") or () if obj is not None else ()
    return [(d["name"], taint) for d in devices for taint in d.get("taints") or () if taint["effect"] == NO_EXECUTE]


def _pool_of(spec: Obj) -> str:
    return f"{spec['driver']}/{spec['pool']['name']}"


def _results(claim: Obj) -> list[Obj]:
    return ((allocation(claim) or {}).get("devices") or {}).get("results") or []


def _pools(claim: Obj) -> Iterable[str]:
    return {f"{each['driver']}/{each['pool']}" for each in _results(claim)}


def _slices(obj: Obj) -> Iterable[str]:
    return (_pool_of(obj["spec"]),)


WATCHES = (Watch(PODS, _pod), Watch(RESOURCE_CLAIMS, _claim), Watch(RESOURCE_SLICES, _slice))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a pod that uses devices on a node and is not being deleted."""
    pod = cache.at(PODS, key)
    if pod is None or not pod["spec"].get("nodeName") or not pod["spec"].get("resourceClaims"):
        return None
    if pod["metadata"].get("deletionTimestamp") or is_finished(pod):
        return None
    tainted: list[Tainted] = []
    for entry in pod_claims(pod):
        claim = cache.get(RESOURCE_CLAIMS, key[0], entry.claim) if entry.claim else None
        if claim is not None and reserved_for(claim, pod):
            for result in _results(claim):
                tainted += _tainted(result, cache)
    return Observed(pod, tuple(tainted))


def _tainted(result: Obj, cache: Cache) -> Iterable[Tainted]:
    """Yield the NoExecute taints of an allocated device, as its pool's newest generation has them."""
    slices = cache.indexed(RESOURCE_SLICES, "device pool", _slices, f"{result['driver']}/{result['pool']}")
    newest = max((each["spec"]["pool"].get("generation") or 0 for each in slices), default=0)
    for each in slices:
        if (each["spec"]["pool"].get("generation") or 0) == newest:
            for name, taint in _executing(each):
                if name == result["device"]:
                    made = each["metadata"]["creationTimestamp"]
                    yield Tainted(taint, tuple(result.get("tolerations") or ()), made)


def recall(observed: Observed, memory: bool | None, now: datetime) -> tuple[Observed, bool]:
    """Add whether an eviction was pending, so that its end can be told."""
    return observed._replace(scheduled=bool(memory)), _deadline(observed) is not None


def decide(observed: Observed, now: datetime) -> Plan:
    """Delete the pod, or come back when its time is up."""
    pod, meta = observed.pod, observed.pod["metadata"]
    deadline = _deadline(observed)
    if deadline is None:
        return Plan((Event(pod, "Normal", REASON, "Cancelling deletion"),) if observed.scheduled else ())
    left = (deadline - now).total_seconds()
    if left > 0:
        return Plan(requeue_after=left)
    message = "Device Taint manager: deleting due to NoExecute taint"
    condition = disruption_target(pod, "DeletionByDeviceTaintManager", message, now)
    status = {"conditions": [condition], **observed_generation(pod)}
    patch = {"metadata": {"uid": meta["uid"]}, "status": status}
    return Plan(
        (
            Event(pod, "Normal", REASON, "Marking for deletion"),
            Patch(PODS, meta["namespace"], meta["name"], patch, "status", STRATEGIC),
            Delete(PODS, meta["namespace"], meta["name"], meta["uid"]),
        )
    )


def _deadline(observed: Observed) -> datetime | None:
    """Return when the pod has to go; None when all taints are tolerated for ever."""
    return min((end for each in observed.tainted if (end := _end(each)) is not None), default=None)


def _end(tainted: Tainted) -> datetime | None:
    taint = tainted.taint
    since = parse_time(taint.get("timeAdded") or tainted.since)
    held = [each for each in tainted.tolerations if tolerates(each, taint)]
    if not held:
        return since
    seconds = [each["tolerationSeconds"] for each in held if each.get("tolerationSeconds") is not None]
    # a toleration without an end outlasts the others
    if len(seconds) < len(held):
        return None
    return datetime.fromtimestamp(since.timestamp() + max(0, *seconds), since.tzinfo)


CONTROLLER = Controller(
    "device-taint-eviction-controller",
    Reconciler(PODS, WATCHES, observe, decide, "device-taint-eviction", workers=8, recall=recall),
    account="device-taint-eviction-controller",
)
