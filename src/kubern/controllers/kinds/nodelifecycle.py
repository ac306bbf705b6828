"""Node life cycle: a node that stops reporting becomes Unknown, and conditions become taints.

The grace period counts from when a heartbeat was seen here to change, not from the node's own clock. Every silent node is closed to
new pods at once; it loses those that it has when its zone's turn comes (`zones`). Source: the documentation "Node Status" and
"Taint based evictions", and upstream's reasons and messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.api.pod_conditions import observed_generation, pod_condition
from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.client.informer import Key
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
from kubern.controllers.zones import EvictionRates, Zones, zone_of

LEASE_NAMESPACE = "kube-node-lease"
MONITOR_PERIOD = 5.0
WATCHED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
OURS = frozenset({NOT_READY, UNREACHABLE, UNSCHEDULABLE, *PRESSURES.values()})


FORGET_PERIOD = 5.0
"""Seconds between two looks for nodes that are gone."""


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
    rates: EvictionRates
    grace: float
    exists: Callable[[str], bool]
    """Whether there is a node of this name."""
    may_evict: bool = False
    """Whether the node's pods may be told to leave by now."""
    heard: datetime | None = None
    was_ready: str = ""
    first_seen: bool = False

    def silent(self, now: datetime) -> float:
        """Return for how many seconds nothing has been heard of the node."""
        return (now - (self.heard or now)).total_seconds()


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
    lease, options = cache.get(LEASES, LEASE_NAMESPACE, key[1]), cache.options
    reported = find((node.get("status") or {}).get("conditions"), "Ready") is not None
    grace = options.node_monitor_grace_period if reported else options.node_startup_grace_period

    def exists(name: str) -> bool:
        return cache.get(NODES, "", name) is not None

    return Observed(node, lease, cache.on_node(PODS, key[1]), options.eviction_rates, grace, exists)


class Recall:
    """Remembers each node's last heartbeat, and the state of all zones."""

    def __init__(self) -> None:
        self._zones = Zones()
        self._forgot: datetime | None = None

    def __call__(self, observed: Observed, memory: Memory | None, now: datetime) -> tuple[Observed, Memory]:
        """Add when the last heartbeat came, and whether the node may be emptied."""
        ready = find((observed.node.get("status") or {}).get("conditions"), "Ready") or {}
        renewed = ((observed.lease or {}).get("spec") or {}).get("renewTime") or ""
        beat = (renewed, ready.get("lastHeartbeatTime") or "")
        heard = now if memory is None or memory.beat != beat else memory.at
        if self._zones.back_since is not None and heard < self._zones.back_since:
            heard = self._zones.back_since
        after = Memory(beat, heard, ready.get("status") or "")
        was = memory.ready if memory is not None else ""
        seen = observed._replace(heard=heard, was_ready=was, first_seen=memory is None)
        return seen._replace(may_evict=self._may_evict(seen, ready.get("status"), now)), after

    def _may_evict(self, seen: Observed, ready: str | None, now: datetime) -> bool:
        zones, name, zone = self._zones, seen.node["metadata"]["name"], zone_of(seen.node)
        zones.rates = seen.rates
        self._forget(seen.exists, now)
        well = ready == "True" and not seen.silent(now) > seen.grace
        zones.see(name, zone, well, now)
        if well or zones.all_down:
            return False
        # whose pods have been told already are told on; which of the two taints says so may change
        told = any(t["effect"] == NO_EXECUTE and t["key"] in (NOT_READY, UNREACHABLE) for t in taints_of(seen.node))
        return told or zones.may_empty(name, zone, now)

    def _forget(self, exists: Callable[[str], bool], now: datetime) -> None:
        if self._forgot is not None and (now - self._forgot).total_seconds() < FORGET_PERIOD:
            return
        self._forgot = now
        for name in self._zones.names():
            if not exists(name):
                self._zones.forget(name, now)


def decide(observed: Observed, now: datetime) -> Plan:
    """Report a silent node as Unknown, keep the taints, and mark its pods."""
    node = observed.node
    silent = observed.silent(now)
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
        if observed.may_evict:
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
    status = {"conditions": [pod_condition(pod, "Ready", "False", now)], **observed_generation(pod)}
    patch = {"metadata": {"uid": meta["uid"]}, "status": status}
    return [
        Event(pod, "Warning", "NodeNotReady", "Node is not ready"),
        Patch(PODS, meta["namespace"], meta["name"], patch, "status", STRATEGIC),
    ]


CONTROLLER = Controller(
    "node-lifecycle-controller",
    Reconciler(NODES, WATCHES, observe, decide, "node-controller", workers=8, new_recall=Recall),
    account="node-controller",
)
