"""Node life cycle: a node that stops reporting becomes Unknown, and conditions become taints.

The grace period counts from when a heartbeat was seen here to change, not from the node's own clock. Source: the documentation "Node
Status" and "Taint based evictions", and upstream's reasons and messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import STRATEGIC, Action, Event, Patch, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.conditions import find
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.pods import is_ready
from kubern.controllers.resources import LEASES, NODES, PODS
from kubern.controllers.taints import (
    NO_EXECUTE,
    NO_SCHEDULE,
    NOT_READY,
    PRESSURES,
    UNREACHABLE,
    UNSCHEDULABLE,
    taints_of,
)

LEASE_NAMESPACE = "kube-node-lease"
MONITOR_PERIOD = 5.0
WATCHED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
OURS = frozenset({NOT_READY, UNREACHABLE, UNSCHEDULABLE, *PRESSURES.values()})


class Memory(NamedTuple):
    """The last heartbeat, when it was seen to change, and the node's readiness then."""

    beat: tuple[str, str]
    at: datetime
    ready: str


class Observed(NamedTuple):
    """A node with what its fate depends on."""

    node: Obj
    lease: Obj | None
    pods: Sequence[Obj]
    others_down: bool
    """Whether there is no other node that is ready: then nothing is evicted, as there is nowhere to go."""
    grace: float
    heard: datetime | None = None
    was_ready: str = ""
    first_seen: bool = False


def _node_of(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    obj = after or before
    if obj is None or obj["metadata"]["namespace"] != LEASE_NAMESPACE:
        return ()
    return (("", obj["metadata"]["name"]),)


WATCHES = (Watch(NODES, itself), Watch(LEASES, _node_of))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a node, its Lease and its pods."""
    node = cache.at(NODES, key)
    if node is None:
        return None
    others = [each for each in cache.list(NODES) if key_of(each) != key]
    down = not any(is_ready(each) for each in others)
    lease = cache.get(LEASES, LEASE_NAMESPACE, key[1])
    return Observed(node, lease, cache.on_node(PODS, key[1]), down, cache.options.node_monitor_grace_period)


def recall(observed: Observed, memory: Memory | None, now: datetime) -> tuple[Observed, Memory]:
    """Add when the last heartbeat came."""
    ready = find((observed.node.get("status") or {}).get("conditions"), "Ready") or {}
    renewed = ((observed.lease or {}).get("spec") or {}).get("renewTime") or ""
    beat = (renewed, ready.get("lastHeartbeatTime") or "")
    fresh = memory is None or memory.beat != beat
    after = Memory(beat, now if fresh or memory is None else memory.at, ready.get("status") or "")
    was = memory.ready if memory is not None else ""
    return observed._replace(heard=after.at, was_ready=was, first_seen=memory is None), after


def decide(observed: Observed, now: datetime) -> Plan:
    """Report a silent node as Unknown, keep the taints, and mark its pods."""
    node = observed.node
    silent = (now - (observed.heard or now)).total_seconds()
    conditions: list[Obj] = list((node.get("status") or {}).get("conditions") or ())
    if silent > observed.grace:
        conditions = _unknown(node, conditions, now)
    ready = (find(conditions, "Ready") or {}).get("status", "")
    actions: list[Action] = []
    if observed.first_seen:
        name = node["metadata"]["name"]
        text = f"Node {name} event: Registered Node {name} in Controller"
        actions.append(Event(node, "Normal", "RegisteredNode", text))
    actions += _taints(observed, conditions, ready, now)
    actions += _not_ready(observed, ready, now)
    status = {**(node.get("status") or {}), "conditions": conditions}
    wait = MONITOR_PERIOD if ready != "True" else max(observed.grace - silent, 0.0) + 0.5
    return Plan(tuple(actions), status if conditions != (node.get("status") or {}).get("conditions") else None, wait)


def _unknown(node: Obj, conditions: list[Obj], now: datetime) -> list[Obj]:
    """Return the conditions of a node that is not heard of: all that the kubelet reports are Unknown."""
    result = list(conditions)
    for kind in WATCHED:
        old = find(result, kind)
        if old is None:
            created = node["metadata"].get("creationTimestamp") or rfc3339(now)
            result.append(
                {
                    "type": kind,
                    "status": "Unknown",
                    "reason": "NodeStatusNeverUpdated",
                    "message": "Kubelet never posted node status.",
                    "lastHeartbeatTime": created,
                    "lastTransitionTime": rfc3339(now),
                }
            )
        elif old["status"] != "Unknown":
            new = {
                **old,
                "status": "Unknown",
                "reason": "NodeStatusUnknown",
                "message": "Kubelet stopped posting node status.",
                "lastTransitionTime": rfc3339(now),
            }
            result = [new if each is old else each for each in result]
    return result


def _taints(observed: Observed, conditions: list[Obj], ready: str, now: datetime) -> list[Action]:
    node = observed.node
    present = taints_of(node)
    wanted = _wanted(observed, conditions, ready)
    kept = [
        taint
        for taint in present
        if taint["key"] not in OURS or taint["effect"] not in (NO_SCHEDULE, NO_EXECUTE) or _id(taint) in wanted
    ]
    have = {_id(taint) for taint in kept}
    added = [{"key": k, "effect": e, "timeAdded": rfc3339(now)} for k, e in wanted if (k, e) not in have]
    taints = [*kept, *added]
    if taints == present:
        return []
    meta = node["metadata"]
    # the list is replaced as a whole: the version makes sure that nobody's taint is lost
    patch = {"metadata": {"resourceVersion": meta["resourceVersion"]}, "spec": {"taints": taints or None}}
    return [Patch(NODES, "", meta["name"], patch)]


def _wanted(observed: Observed, conditions: list[Obj], ready: str) -> list[tuple[str, str]]:
    wanted = []
    if ready in ("False", "Unknown"):
        key = NOT_READY if ready == "False" else UNREACHABLE
        wanted.append((key, NO_SCHEDULE))
        if not observed.others_down:
            wanted.append((key, NO_EXECUTE))
    for kind, key in PRESSURES.items():
        if (find(conditions, kind) or {}).get("status") == "True":
            wanted.append((key, NO_SCHEDULE))
    if (observed.node.get("spec") or {}).get("unschedulable"):
        wanted.append((UNSCHEDULABLE, NO_SCHEDULE))
    return wanted


def _id(taint: Obj) -> tuple[str, str]:
    return taint["key"], taint["effect"]


def _not_ready(observed: Observed, ready: str, now: datetime) -> list[Action]:
    """Say that a node has become not ready, and take its pods out of their Services."""
    before = (find((observed.node.get("status") or {}).get("conditions"), "Ready") or {}).get("status", "")
    became = "True" in (before, observed.was_ready) and ready in ("False", "Unknown")
    actions: list[Action] = []
    if became:
        name = observed.node["metadata"]["name"]
        actions.append(Event(observed.node, "Normal", "NodeNotReady", f"Node {name} status is now: NodeNotReady"))
    # a kubelet that reports corrects its pods itself; one that is silent cannot make them ready again
    for pod in observed.pods if became or ready == "Unknown" else ():
        if is_ready(pod):
            actions += _pod_not_ready(pod, now)
    return actions


def _pod_not_ready(pod: Obj, now: datetime) -> list[Action]:
    meta = pod["metadata"]
    condition = {"type": "Ready", "status": "False", "lastTransitionTime": rfc3339(now)}
    patch = {"metadata": {"uid": meta["uid"]}, "status": {"conditions": [condition]}}
    return [
        Event(pod, "Warning", "NodeNotReady", "Node is not ready"),
        Patch(PODS, meta["namespace"], meta["name"], patch, "status", STRATEGIC),
    ]


CONTROLLER = Controller(
    "node-lifecycle-controller",
    Reconciler(NODES, WATCHES, observe, decide, "node-controller", workers=8, recall=recall),
)
