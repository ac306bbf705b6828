"""Disruption: how many of a PodDisruptionBudget's pods may be evicted now. The eviction subresource takes from that number.

Source: the documentation "Specifying a Disruption Budget".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from kubern.base.clock import parse_time
from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.client.labels import selects
from kubern.controllers.actions import Plan
from kubern.controllers.cache import Cache
from kubern.controllers.conditions import changed
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.deployment.model import scaled
from kubern.controllers.owners import controller_of
from kubern.controllers.pods import is_active, is_finished, is_ready
from kubern.controllers.resources import (
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    STATEFUL_SETS,
)

DISRUPTION_TIMEOUT = timedelta(minutes=2)
"""An eviction that was granted but not seen to happen counts for so long."""
_SCALED = {"ReplicaSet": REPLICA_SETS, "ReplicationController": REPLICATION_CONTROLLERS, "StatefulSet": STATEFUL_SETS}


class Observed(NamedTuple):
    """A budget, its pods, and how many pods their controllers want; None when one of them has no known scale."""

    budget: Obj
    pods: Sequence[Obj]
    scale: int | None
    problem: str


def _budgets(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    found: set[Key] = set()
    for pod in (before, after):
        if pod is not None:
            budgets = cache.list(DISRUPTION_BUDGETS, pod["metadata"]["namespace"])
            labels = pod["metadata"].get("labels")
            found.update(key_of(each) for each in budgets if selects(each["spec"].get("selector"), labels))
    return found


def _all_budgets(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A change of a workload's scale concerns the budgets of its namespace."""
    if before is not None and after is not None and before["spec"].get("replicas") == after["spec"].get("replicas"):
        return ()
    obj = after or before
    return [key_of(each) for each in cache.list(DISRUPTION_BUDGETS, obj["metadata"]["namespace"])] if obj else ()


WATCHES = (
    Watch(DISRUPTION_BUDGETS, itself),
    Watch(PODS, _budgets),
    *(Watch(gvr, _all_budgets) for gvr in (*_SCALED.values(), DEPLOYMENTS)),
)


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a budget, its pods and what their controllers want."""
    budget = cache.at(DISRUPTION_BUDGETS, key)
    if budget is None:
        return None
    selector = budget["spec"].get("selector")
    pods = [
        pod
        for pod in cache.list(PODS, key[0])
        if selects(selector, pod["metadata"].get("labels")) and not is_finished(pod)
    ]
    scale, problem = _scale(pods, cache)
    return Observed(budget, pods, scale, problem)


def _scale(pods: Sequence[Obj], cache: Cache) -> tuple[int | None, str]:
    wanted: dict[str, int] = {}
    for pod in pods:
        reference = controller_of(pod)
        if reference is None:
            return None, f'found no controllers for pod "{pod["metadata"]["name"]}"'
        owner = _owner(reference, pod["metadata"]["namespace"], cache)
        if owner is None:
            return None, f"{reference['kind']}.{reference['apiVersion']} does not implement the scale subresource"
        wanted[owner["metadata"]["uid"]] = owner["spec"].get("replicas", 1)
    return sum(wanted.values()), ""


def _owner(reference: Obj, namespace: str, cache: Cache) -> Obj | None:
    gvr = _SCALED.get(reference["kind"])
    owner = cache.get(gvr, namespace, reference["name"]) if gvr is not None else None
    above = controller_of(owner) if owner is not None else None
    if above is not None and above["kind"] == "Deployment":
        return cache.get(DEPLOYMENTS, namespace, above["name"])
    return owner


def decide(observed: Observed, now: datetime) -> Plan:
    """Count the healthy pods against what the budget asks for."""
    budget, spec = observed.budget, observed.budget["spec"]
    old = budget.get("status") or {}
    disrupted = _disrupted(old, observed.pods, now)
    expected, desired, problem = _wanted(spec, observed)
    if problem:
        failed = _condition("False", "SyncFailed", problem)
        conditions = changed(old.get("conditions"), _generation(failed, budget), now)
        return Plan(status={**_counts(budget, (0, 0, 0, 0)), "conditions": conditions})
    healthy = sum(
        is_ready(pod) and is_active(pod) and pod["metadata"]["name"] not in disrupted for pod in observed.pods
    )
    allowed = max(0, healthy - desired) if expected > 0 else 0
    enough = _condition("True", "SufficientPods", "") if allowed else _condition("False", "InsufficientPods", "")
    status = _counts(budget, (healthy, desired, expected, allowed))
    if disrupted:
        status["disruptedPods"] = disrupted
    status["conditions"] = changed(old.get("conditions"), _generation(enough, budget), now)
    wait = min((_left(since, now) for since in disrupted.values()), default=None)
    return Plan(status=status, requeue_after=wait)


def _wanted(spec: Obj, observed: Observed) -> tuple[int, int, str]:
    """Return the expected and the desired healthy pods, or what keeps them from being known."""
    most, least = spec.get("maxUnavailable"), spec.get("minAvailable", 1 if "maxUnavailable" not in spec else None)
    if most is None and isinstance(least, int):
        return len(observed.pods), least, ""
    if observed.scale is None:
        return 0, 0, observed.problem
    if most is None:
        return observed.scale, scaled(least or 0, observed.scale, round_up=True), ""
    return observed.scale, max(0, observed.scale - scaled(most, observed.scale, round_up=True)), ""


def _counts(budget: Obj, counts: tuple[int, int, int, int]) -> Obj:
    names = ("currentHealthy", "desiredHealthy", "expectedPods", "disruptionsAllowed")
    generation = budget["metadata"].get("generation", 1)
    return {**dict(zip(names, counts, strict=True)), "observedGeneration": generation}


def _condition(status: str, reason: str, message: str) -> Obj:
    return {"type": "DisruptionAllowed", "status": status, "reason": reason, "message": message}


def _generation(condition: Obj, budget: Obj) -> Obj:
    return {**condition, "observedGeneration": budget["metadata"].get("generation", 1)}


def _disrupted(status: Obj, pods: Sequence[Obj], now: datetime) -> dict[str, str]:
    """Return the evictions that were granted and are not seen yet."""
    there = {pod["metadata"]["name"] for pod in pods if not pod["metadata"].get("deletionTimestamp")}
    granted = status.get("disruptedPods") or {}
    return {name: since for name, since in granted.items() if name in there and _left(since, now) > 0}


def _left(since: str, now: datetime) -> float:
    return (parse_time(since) + DISRUPTION_TIMEOUT - now).total_seconds()


CONTROLLER = Controller(
    "disruption-controller",
    Reconciler(DISRUPTION_BUDGETS, WATCHES, observe, decide, "controllermanager"),
    account="disruption-controller",
)
