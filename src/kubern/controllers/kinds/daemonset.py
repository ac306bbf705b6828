"""DaemonSet: one pod on every node that fits, and rolling updates node by node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.client.labels import selects
from kubern.controllers.actions import Action, Create, Delete, Event, Plan, Told
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself, owner, owner_or_selecting
from kubern.controllers.daemon import TOLERATIONS, fits, pinned
from kubern.controllers.deployment.model import scaled
from kubern.controllers.owners import claim, reference_to
from kubern.controllers.pods import available_in, from_template, is_active, is_finished, is_ready, phase
from kubern.controllers.resources import CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS
from kubern.controllers.revisions import HASH_LABEL, History, forgotten, history


class Observed(NamedTuple):
    """A DaemonSet, its pods by node, all nodes and its history."""

    daemon_set: Obj
    reference: Obj
    pods: Sequence[Obj]
    nodes: Sequence[Obj]
    revisions: Sequence[Obj]
    claims: tuple[Action, ...]


def _selected(daemon_set: Obj, pod: Obj) -> bool:
    return selects(daemon_set["spec"].get("selector"), pod["metadata"].get("labels"))


def _all(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A node that came, went or changed what decides about fitting concerns all DaemonSets."""
    if before is not None and after is not None and _facts(before) == _facts(after):
        return ()
    return [key_of(each) for each in cache.list(DAEMON_SETS)]


def _facts(node: Obj) -> tuple[object, ...]:
    return node["metadata"].get("labels"), (node.get("spec") or {}).get("taints")


WATCHES = (
    Watch(DAEMON_SETS, itself),
    Watch(PODS, owner_or_selecting("DaemonSet", DAEMON_SETS, _selected)),
    Watch(CONTROLLER_REVISIONS, owner("DaemonSet")),
    Watch(NODES, _all),
)


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return the DaemonSet with all that it looks at."""
    daemon_set = cache.at(DAEMON_SETS, key)
    if daemon_set is None:
        return None
    reference = reference_to(daemon_set, "apps/v1", "DaemonSet")
    uid, selector = daemon_set["metadata"]["uid"], daemon_set["spec"].get("selector")
    candidates = [*cache.owned(PODS, uid), *cache.orphans(PODS, key[0])]
    claimed = claim(PODS, reference, daemon_set, lambda labels: selects(selector, labels), candidates)
    revisions = cache.owned(CONTROLLER_REVISIONS, uid)
    return Observed(daemon_set, reference, claimed.objects, cache.list(NODES), revisions, claimed.actions)


def decide(observed: Observed, now: datetime) -> Plan:
    """Create and delete pods node by node, then replace some that have an old template."""
    daemon_set = observed.daemon_set
    past = history(daemon_set, observed.reference, observed.revisions)
    by_node = _by_node(observed.pods)
    wanted = {node["metadata"]["name"]: node for node in observed.nodes if fits(daemon_set, node, schedule=True)}
    staying = {node["metadata"]["name"] for node in observed.nodes if fits(daemon_set, node, schedule=False)}
    status = _status(observed, past, by_node, wanted, now)
    if daemon_set["metadata"].get("deletionTimestamp"):
        return Plan(observed.claims, status)
    actions: list[Action] = [*observed.claims, *past.actions]
    actions += _failures(daemon_set, observed.pods)
    surge = _surge(daemon_set, len(wanted))
    creations = [_creation(observed, past, name) for name in wanted if not by_node.get(name)]
    surplus = [
        pod
        for name, pods in by_node.items()
        for pod in (_too_many(pods, past.hash if surge else "") if name in staying else pods)
    ]
    actions += [*creations, *(_deletion(daemon_set, pod) for pod in surplus if is_active(pod))]
    if surge:
        actions += _surging(observed, past, by_node, wanted, surge, now)
    elif not creations:
        actions += _replacements(observed, past, by_node, wanted, now)
    in_use = [_hash(pod) for pod in observed.pods]
    actions += forgotten(daemon_set, past.old, in_use)
    least = daemon_set["spec"].get("minReadySeconds") or 0
    waits = [wait for pod in observed.pods if (wait := available_in(pod, least, now))]
    return Plan(tuple(actions), status, min(waits, default=None))


def _by_node(pods: Sequence[Obj]) -> dict[str, list[Obj]]:
    """Return the pods of each node, the one to keep first: ready before not ready, then the older."""
    found: dict[str, list[Obj]] = {}
    for pod in sorted(pods, key=lambda p: (not is_ready(p), p["metadata"]["creationTimestamp"], p["metadata"]["name"])):
        if not is_finished(pod):
            name = pod["spec"].get("nodeName") or pinned(pod)
            found.setdefault(name, []).append(pod)
    return found


def _surge(daemon_set: Obj, nodes: int) -> int:
    """Return on how many nodes a new pod may run beside the old one while the set is updated; 0: the old one goes first."""
    strategy = daemon_set["spec"].get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return 0
    return scaled((strategy.get("rollingUpdate") or {}).get("maxSurge", 0), nodes, round_up=True)


def _too_many(pods: Sequence[Obj], surging_to: str) -> Sequence[Obj]:
    """Return the pods of a node past the one to keep; in a surge one of the new template and one older are kept."""
    if not surging_to:
        return pods[1:]
    new = [pod for pod in pods if _hash(pod) == surging_to]
    old = [pod for pod in pods if _hash(pod) != surging_to]
    return [*new[1:], *old[1:]]


def _failures(daemon_set: Obj, pods: Sequence[Obj]) -> list[Action]:
    """Delete pods that have ended: a daemon is to run."""
    actions: list[Action] = []
    for pod in pods:
        if is_finished(pod) and not pod["metadata"].get("deletionTimestamp"):
            ended = phase(pod) == "Failed"
            where = (
                f"{pod['metadata']['namespace']}/{pod['metadata']['name']} on node {pod['spec'].get('nodeName', '')}"
            )
            text = f"Found {'failed' if ended else 'succeeded'} daemon pod {where}, will try to {'kill' if ended else 'delete'} it"
            reason = "FailedDaemonPod" if ended else "SucceededDaemonPod"
            actions.append(Event(daemon_set, "Warning" if ended else "Normal", reason, text))
            actions.append(_deletion(daemon_set, pod))
    return actions


def _creation(observed: Observed, past: History, node: str) -> Create:
    daemon_set = observed.daemon_set
    pod = from_template(daemon_set["spec"]["template"], daemon_set, observed.reference)
    labels = {**(pod["metadata"].get("labels") or {}), HASH_LABEL: past.hash}
    labels["pod-template-generation"] = str(daemon_set["metadata"].get("generation", 1))
    spec = {**pod["spec"], "affinity": _pinned_to(pod["spec"].get("affinity") or {}, node)}
    has = spec.get("tolerations") or []
    spec["tolerations"] = [*has, *(t for t in TOLERATIONS if t not in has)]
    made = {**pod, "metadata": {**pod["metadata"], "labels": labels}, "spec": spec}
    told = Told(daemon_set, "SuccessfulCreate", "Created pod: {name}", "FailedCreate", "Error creating: {error}")
    return Create(PODS, made, daemon_set["metadata"]["namespace"], told)


def _pinned_to(affinity: Obj, node: str) -> Obj:
    """Return the affinity that leaves the scheduler no other node; the template's own required terms decided about fitting already."""
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    required = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    node_affinity = {**(affinity.get("nodeAffinity") or {}), "requiredDuringSchedulingIgnoredDuringExecution": required}
    return {**affinity, "nodeAffinity": node_affinity}


def _deletion(daemon_set: Obj, pod: Obj) -> Delete:
    told = Told(daemon_set, "SuccessfulDelete", "Deleted pod: {name}", "FailedDelete", "Error deleting: {error}")
    meta = pod["metadata"]
    return Delete(PODS, meta["namespace"], meta["name"], meta["uid"], told)


def _hash(pod: Obj) -> str:
    return str((pod["metadata"].get("labels") or {}).get(HASH_LABEL, ""))


def _replacements(
    observed: Observed, past: History, by_node: Mapping[str, list[Obj]], wanted: Mapping[str, Obj], now: datetime
) -> list[Action]:
    """Delete pods of an old template: those that are not available at once, others as maxUnavailable allows."""
    daemon_set = observed.daemon_set
    strategy = daemon_set["spec"].get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return []
    rolling = strategy.get("rollingUpdate") or {}
    room = max(scaled(rolling.get("maxUnavailable", 1), len(wanted), round_up=True), 1)
    least = daemon_set["spec"].get("minReadySeconds") or 0
    broken, fine = [], []
    for name in wanted:
        pods = by_node.get(name) or []
        pod = pods[0] if pods else None
        available = pod is not None and is_active(pod) and available_in(pod, least, now) == 0.0
        if pod is None or not is_active(pod):
            room -= 1
        elif _hash(pod) == past.hash:
            room -= not available
        elif available:
            fine.append(pod)
        else:
            broken.append(pod)
    room -= len(broken)
    return [_deletion(daemon_set, pod) for pod in (*broken, *fine[: max(room, 0)])]


def _surging(
    observed: Observed,
    past: History,
    by_node: Mapping[str, list[Obj]],
    wanted: Mapping[str, Obj],
    surge: int,
    now: datetime,
) -> list[Action]:
    """Start new pods beside old ones, on `surge` nodes at once, and delete an old one when its successor is available.

    Where the old pod is not available nothing is lost: its successor starts at once. Source: KEP-1591.
    """
    daemon_set = observed.daemon_set
    least = daemon_set["spec"].get("minReadySeconds") or 0
    actions: list[Action] = []
    fine: list[str] = []
    for name in wanted:
        pods = [pod for pod in by_node.get(name) or () if is_active(pod)]
        new = next((pod for pod in pods if _hash(pod) == past.hash), None)
        old = next((pod for pod in pods if _hash(pod) != past.hash), None)
        if old is None:
            continue
        if new is None and available_in(old, least, now) == 0.0:
            fine.append(name)
        elif new is None:
            actions.append(_creation(observed, past, name))
            surge -= 1
        elif available_in(new, least, now) == 0.0:
            actions.append(_deletion(daemon_set, old))
        else:
            surge -= 1
    return [*actions, *(_creation(observed, past, name) for name in fine[: max(surge, 0)])]


def _status(
    observed: Observed, past: History, by_node: Mapping[str, list[Obj]], wanted: Mapping[str, Obj], now: datetime
) -> Obj:
    daemon_set = observed.daemon_set
    least = daemon_set["spec"].get("minReadySeconds") or 0
    first = [by_node[name][0] for name in wanted if by_node.get(name)]
    available = sum(available_in(pod, least, now) == 0.0 for pod in first)
    old = daemon_set.get("status") or {}
    status: Obj = {
        "currentNumberScheduled": len(first),
        "numberMisscheduled": sum(name not in wanted for name in by_node),
        "desiredNumberScheduled": len(wanted),
        "numberReady": sum(map(is_ready, first)),
        "observedGeneration": daemon_set["metadata"].get("generation", 1),
    }
    counts = {
        "updatedNumberScheduled": sum(_hash(pod) == past.hash for pod in first),
        "numberAvailable": available,
        "numberUnavailable": len(wanted) - available,
    }
    status |= {name: count for name, count in counts.items() if count}
    return status | {name: old[name] for name in ("collisionCount", "conditions") if name in old}


CONTROLLER = Controller(
    "daemonset-controller",
    Reconciler(DAEMON_SETS, WATCHES, observe, decide, "daemonset-controller"),
    account="daemon-set-controller",
)
