"""Deployment: rolls a pod template out over ReplicaSets, keeps the history, and says how it goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.client.labels import is_empty, selects
from kubern.controllers.actions import Action, Event, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.conditions import find
from kubern.controllers.controller import Controller, Reconciler, Watch, itself, owner_or_selecting
from kubern.controllers.deployment import progress
from kubern.controllers.deployment.model import Observed, is_behind, is_rolling, replicas
from kubern.controllers.deployment.revisions import forgotten, keep_new, make_new, name_for_new
from kubern.controllers.deployment.scaling import Size, is_scaling_event, resize, scale
from kubern.controllers.deployment.strategies import size_of_new, sizes_of_old
from kubern.controllers.deployment.template import find_new
from kubern.controllers.owners import claim, controller_of, reference_to
from kubern.controllers.pods import is_finished
from kubern.controllers.resources import DEPLOYMENTS, PODS, REPLICA_SETS


def _selected(deployment: Obj, replica_set: Obj) -> bool:
    return selects(deployment["spec"].get("selector"), replica_set["metadata"].get("labels"))


def _gone_pod(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A pod that ended or went away may be what a Recreate waits for."""
    if before is None or (after is not None and not is_finished(after)):
        return ()
    replica_set = _owner(cache, before)
    deployment = controller_of(replica_set) if replica_set is not None else None
    if deployment is None or deployment["kind"] != "Deployment":
        return ()
    return ((before["metadata"]["namespace"], deployment["name"]),)


def _owner(cache: Cache, pod: Obj) -> Obj | None:
    reference = controller_of(pod)
    if reference is None or reference["kind"] != "ReplicaSet":
        return None
    return cache.get(REPLICA_SETS, pod["metadata"]["namespace"], reference["name"])


WATCHES = (
    Watch(DEPLOYMENTS, itself),
    Watch(REPLICA_SETS, owner_or_selecting("Deployment", DEPLOYMENTS, _selected)),
    Watch(PODS, _gone_pod),
)


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return the Deployment and its ReplicaSets."""
    deployment = cache.at(DEPLOYMENTS, key)
    if deployment is None:
        return None
    reference = reference_to(deployment, "apps/v1", "Deployment")
    uid, selector = deployment["metadata"]["uid"], deployment["spec"].get("selector")
    candidates = [*cache.owned(REPLICA_SETS, uid), *cache.orphans(REPLICA_SETS, key[0])]
    if is_empty(selector):
        return Observed(deployment, (), (), False, False)
    claimed = claim(REPLICA_SETS, reference, deployment, lambda labels: selects(selector, labels), candidates)
    taken = cache.get(REPLICA_SETS, key[0], name_for_new(deployment)[0])
    ours = taken is not None and any(rs is taken for rs in claimed.objects)
    return Observed(
        deployment,
        claimed.objects,
        claimed.actions,
        not is_rolling(deployment) and _old_pods_running(deployment, claimed.objects, cache),
        taken is not None and not (ours and find_new(deployment, [taken])),
    )


def _old_pods_running(deployment: Obj, replica_sets: Sequence[Obj], cache: Cache) -> bool:
    new = find_new(deployment, replica_sets)
    return any(
        not is_finished(pod)
        for replica_set in replica_sets
        if replica_set is not new
        for pod in cache.owned(PODS, replica_set["metadata"]["uid"])
    )


def decide(observed: Observed, now: datetime) -> Plan:
    """Take the next step of the rollout, or follow a change of scale, and report."""
    deployment, replica_sets = observed.deployment, observed.replica_sets
    if is_empty(deployment["spec"].get("selector")):
        text = "This deployment is selecting all pods. A non-empty selector is required."
        return Plan((Event(deployment, "Warning", "SelectingAll", text),))
    new = find_new(deployment, replica_sets)
    old = [replica_set for replica_set in replica_sets if replica_set is not new]
    conditions = list((deployment.get("status") or {}).get("conditions") or ())
    if deployment["metadata"].get("deletionTimestamp"):
        return Plan(observed.claims, progress.counts(deployment, new, replica_sets, conditions, now))
    conditions = _paused_condition(deployment, conditions, now)
    if deployment["spec"].get("paused") or is_scaling_event(deployment, replica_sets):
        return _scaled(observed, new, old, conditions, now)
    return _rolled(observed, new, old, conditions, now)


def _paused_condition(deployment: Obj, conditions: list[Obj], now: datetime) -> list[Obj]:
    """Return the conditions with the pause or its end noted, so that no deadline runs meanwhile."""
    if not progress.has_deadline(deployment):
        return conditions
    current = find(conditions, "Progressing")
    if current is not None and current.get("reason") == progress.TIMED_OUT:
        return conditions
    noted = current is not None and current.get("reason") == progress.PAUSED
    if deployment["spec"].get("paused") and not noted:
        text = progress.progressing("Unknown", progress.PAUSED, "Deployment is paused")
        return progress.with_condition(conditions, text, now)
    if not deployment["spec"].get("paused") and noted:
        text = progress.progressing("Unknown", progress.RESUMED, "Deployment is resumed")
        return progress.with_condition(conditions, text, now)
    return conditions


def _scaled(
    observed: Observed, new: Obj | None, old: Sequence[Obj], conditions: list[Obj], now: datetime
) -> Plan:  # fmt: skip
    """Follow spec.replicas without rolling anything out."""
    deployment = observed.deployment
    actions: list[Action] = list(observed.claims)
    if new is not None:
        actions += keep_new(deployment, new, old)
    for size in scale(deployment, new, old):
        actions += resize(deployment, size)
    if deployment["spec"].get("paused"):
        actions += forgotten(deployment, old)
    return Plan(tuple(actions), progress.counts(deployment, new, observed.replica_sets, conditions, now))


def _rolled(
    observed: Observed, new: Obj | None, old: Sequence[Obj], conditions: list[Obj], now: datetime
) -> Plan:  # fmt: skip
    deployment = observed.deployment
    actions: list[Action] = list(observed.claims)
    waits = not is_rolling(deployment) and _old_are_at_work(observed, old)
    if not is_rolling(deployment):
        for replica_set in old:
            actions += resize(deployment, Size(replica_set, 0)) if replicas(replica_set) else []
    if new is None and not waits:
        if observed.name_taken:
            return _collided(deployment, new, observed, conditions, now)
        made = make_new(deployment, old, size_of_new(deployment, None, old))
        actions += made.actions
        conditions = _noted(deployment, conditions, progress.CREATED, made.replica_set["metadata"]["name"], now)
        status = progress.counts(deployment, None, observed.replica_sets, conditions, now)
        return Plan(tuple(actions), progress.rollout(deployment, None, observed.replica_sets, status, now))
    if new is not None:
        actions += keep_new(deployment, new, old)
        if find(conditions, "Progressing") is None:
            conditions = _noted(deployment, conditions, progress.FOUND, new["metadata"]["name"], now)
        actions += [] if waits else _step(deployment, new, old)
    status = progress.counts(deployment, new, observed.replica_sets, conditions, now)
    if progress.is_complete(deployment, status):
        actions += forgotten(deployment, old)
    status = progress.rollout(deployment, new, observed.replica_sets, status, now)
    left = progress.deadline_in(deployment, find(status["conditions"], "Progressing"), now)
    return Plan(tuple(actions), status, None if left is None else max(left, 0.0) + 1.0)


def _old_are_at_work(observed: Observed, old: Sequence[Obj]) -> bool:
    """Whether old ReplicaSets have pods, or may still be about to make some."""
    return observed.old_pods_running or any(replicas(each) or is_behind(each) for each in old)


def _step(deployment: Obj, new: Obj, old: Sequence[Obj]) -> list[Action]:
    """Return one step: the new ReplicaSet grows if it may; if not, the old ones shrink."""
    grown = size_of_new(deployment, new, old)
    if grown != replicas(new) or not is_rolling(deployment):
        return resize(deployment, Size(new, grown))
    return [action for size in sizes_of_old(deployment, new, old) for action in resize(deployment, size)]


def _noted(deployment: Obj, conditions: list[Obj], reason: str, name: str, now: datetime) -> list[Obj]:
    if not progress.has_deadline(deployment):
        return conditions
    message = {
        progress.CREATED: f'Created new replica set "{name}"',
        progress.FOUND: f'Found new replica set "{name}"',
    }[reason]
    return progress.with_condition(conditions, progress.progressing("True", reason, message), now)


def _collided(deployment: Obj, new: Obj | None, observed: Observed, conditions: list[Obj], now: datetime) -> Plan:
    """The name is another's: count it, so that the next hash is another one."""
    status = progress.counts(deployment, new, observed.replica_sets, conditions, now)
    return Plan(observed.claims, {**status, "collisionCount": status.get("collisionCount", 0) + 1}, 0.0)


CONTROLLER = Controller(
    "deployment-controller",
    Reconciler(DEPLOYMENTS, WATCHES, observe, decide, "deployment-controller"),
    account="deployment-controller",
)
