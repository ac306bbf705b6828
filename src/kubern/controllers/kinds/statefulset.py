"""StatefulSet: pods with a number, made in order, deleted and updated in reverse order, one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.client.labels import selects
from kubern.controllers.actions import Action, Create, Delete, Event, Plan, Told
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself, owner, owner_or_selecting
from kubern.controllers.deployment.model import scaled
from kubern.controllers.owners import claim, reference_to
from kubern.controllers.pods import available_in, is_finished, is_ready, phase
from kubern.controllers.resources import CLAIMS, CONTROLLER_REVISIONS, PODS, STATEFUL_SETS
from kubern.controllers.revisions import History, forgotten, history
from kubern.controllers.statefulset import claim_owners, make_claims, make_pod, ordinal_of, revision_of, start_of


class Observed(NamedTuple):
    """A StatefulSet, its pods by ordinal, its history and the namespace's volume claims by name."""

    stateful_set: Obj
    reference: Obj
    pods: Mapping[int, Obj]
    revisions: Sequence[Obj]
    claims: tuple[Action, ...]
    volume_claims: Mapping[str, Obj]


def _selected(stateful_set: Obj, pod: Obj) -> bool:
    named = ordinal_of(stateful_set, pod) >= 0
    return named and selects(stateful_set["spec"].get("selector"), pod["metadata"].get("labels"))


WATCHES = (
    Watch(STATEFUL_SETS, itself),
    Watch(PODS, owner_or_selecting("StatefulSet", STATEFUL_SETS, _selected)),
    Watch(CONTROLLER_REVISIONS, owner("StatefulSet")),
    Watch(CLAIMS, lambda before, after, cache: ()),
)


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return the StatefulSet with all that it looks at."""
    stateful_set = cache.at(STATEFUL_SETS, key)
    if stateful_set is None:
        return None
    reference = reference_to(stateful_set, "apps/v1", "StatefulSet")
    uid, selector = stateful_set["metadata"]["uid"], stateful_set["spec"].get("selector")
    orphans = [pod for pod in cache.orphans(PODS, key[0]) if ordinal_of(stateful_set, pod) >= 0]
    claimed = claim(
        PODS, reference, stateful_set, lambda labels: selects(selector, labels), [*cache.owned(PODS, uid), *orphans]
    )
    pods = {ordinal_of(stateful_set, pod): pod for pod in claimed.objects if ordinal_of(stateful_set, pod) >= 0}
    volume_claims = {each["metadata"]["name"]: each for each in cache.list(CLAIMS, key[0])}
    revisions = cache.owned(CONTROLLER_REVISIONS, uid)
    return Observed(stateful_set, reference, pods, revisions, claimed.actions, volume_claims)


def decide(observed: Observed, now: datetime) -> Plan:
    """Take the next step: create, delete or replace in order (all at once if the set says Parallel)."""
    stateful_set = observed.stateful_set
    past = history(stateful_set, observed.reference, observed.revisions)
    current = _current(observed, past)
    status = _status(observed, past, current, now)
    if stateful_set["metadata"].get("deletionTimestamp"):
        return Plan(observed.claims, status)
    steps = _Steps(observed, past, current, now)
    owned = [
        patch for pod in observed.pods.values() for patch in claim_owners(stateful_set, pod, observed.volume_claims)
    ]
    actions = [*observed.claims, *past.actions, *owned, *steps.next()]
    in_use = {revision_of(pod) for pod in observed.pods.values()} | {current["metadata"]["name"]}
    actions += forgotten(stateful_set, past.old, in_use)
    least = stateful_set["spec"].get("minReadySeconds") or 0
    waits = [wait for pod in observed.pods.values() if (wait := available_in(pod, least, now))]
    return Plan(tuple(actions), status, min(waits, default=None))


def _current(observed: Observed, past: History) -> Obj:
    """Return the revision that the set was at before the update under way."""
    name = (observed.stateful_set.get("status") or {}).get("currentRevision")
    return next((each for each in past.old if each["metadata"]["name"] == name), past.current)


class _Steps:
    """One decision's working values."""

    def __init__(self, observed: Observed, past: History, current: Obj, now: datetime) -> None:
        self._observed, self._past, self._revision_before, self._now = observed, past, current, now
        self._set = observed.stateful_set
        spec = self._set["spec"]
        self._ordered = spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady"
        first = start_of(self._set)
        self._ordinals = range(first, first + spec.get("replicas", 1))

    def next(self) -> list[Action]:
        """Return the next actions."""
        actions: list[Action] = []
        for ordinal in self._ordinals:
            step, waits = self._slot(ordinal)
            actions += step
            if self._ordered and waits:
                return actions
        condemned = sorted((n for n in self._observed.pods if n not in self._ordinals), reverse=True)
        for ordinal in condemned:
            pod = self._observed.pods[ordinal]
            if not pod["metadata"].get("deletionTimestamp"):
                actions.append(self._deletion(pod))
            if self._ordered:
                return actions
        return actions or self._update()

    def _slot(self, ordinal: int) -> tuple[list[Action], bool]:
        """Return what one wanted pod needs, and whether the ones after it have to wait."""
        pod = self._observed.pods.get(ordinal)
        if pod is None:
            return self._creation(ordinal), True
        if pod["metadata"].get("deletionTimestamp"):
            return [], True
        if is_finished(pod):
            meta = self._set["metadata"]
            name, ended = pod["metadata"]["name"], phase(pod)
            text = f"StatefulSet {meta['namespace']}/{meta['name']} is recreating {ended.lower()} Pod {name}"
            told = Event(self._set, "Warning" if ended == "Failed" else "Normal", f"Recreating{ended}Pod", text)
            return [told, self._deletion(pod)], True
        return [], not self._healthy(pod)

    def _healthy(self, pod: Obj) -> bool:
        least = self._set["spec"].get("minReadySeconds") or 0
        running = phase(pod) == "Running" and not pod["metadata"].get("deletionTimestamp")
        return running and available_in(pod, least, self._now) == 0.0

    def _creation(self, ordinal: int) -> list[Action]:
        name = self._set["metadata"]["name"]
        actions: list[Action] = []
        for each in make_claims(self._set, ordinal):
            claim_name = each["metadata"]["name"]
            if claim_name not in self._observed.volume_claims:
                done = f"create Claim {claim_name} Pod {name}-{ordinal} in StatefulSet {name} success"
                failed = (
                    f"create Claim {claim_name} for Pod {name}-{ordinal} in StatefulSet {name} failed error: {{error}}"
                )
                told = Told(self._set, "SuccessfulCreate", done, "FailedCreate", failed)
                actions.append(Create(CLAIMS, each, each["metadata"]["namespace"], told, exists_ok=True))
        done = f"create Pod {{name}} in StatefulSet {name} successful"
        failed = f"create Pod {name}-{ordinal} in StatefulSet {name} failed error: {{error}}"
        told = Told(self._set, "SuccessfulCreate", done, "FailedCreate", failed)
        pod = make_pod(self._set, self._observed.reference, self._revision_for(ordinal), ordinal)
        return [*actions, Create(PODS, pod, self._set["metadata"]["namespace"], told)]

    def _revision_for(self, ordinal: int) -> Obj:
        """A pod below the partition, or that the update has not come to yet, is made from the revision before."""
        name, count = self._revision_before["metadata"]["name"], self._partition()
        if not count and self._rolling():
            living = (pod for pod in self._observed.pods.values() if not pod["metadata"].get("deletionTimestamp"))
            count = sum(revision_of(pod) == name for pod in living)
        return self._revision_before if ordinal < self._ordinals.start + count else self._past.current

    def _rolling(self) -> bool:
        strategy = self._set["spec"].get("updateStrategy") or {}
        return bool(strategy.get("type", "RollingUpdate") == "RollingUpdate")

    def _partition(self) -> int:
        rolling = (self._set["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
        return int(rolling.get("partition") or 0)

    def _update(self) -> list[Action]:
        """Replace pods of an older revision from the highest ordinal down, never more at once than maxUnavailable."""
        if not self._rolling():
            return []
        rolling = (self._set["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
        room = max(scaled(rolling.get("maxUnavailable") or 1, len(self._ordinals), round_up=False), 1)
        actions: list[Action] = []
        for ordinal in reversed(self._ordinals[self._partition() :]):
            pod = self._observed.pods[ordinal]
            outdated = revision_of(pod) != self._past.current["metadata"]["name"]
            if outdated and not pod["metadata"].get("deletionTimestamp"):
                actions.append(self._deletion(pod))
                room -= 1
            elif not self._healthy(pod):
                room -= 1
            if room <= 0:
                break
        return actions

    def _deletion(self, pod: Obj) -> Delete:
        name, meta = self._set["metadata"]["name"], pod["metadata"]
        done = f"delete Pod {{name}} in StatefulSet {name} successful"
        failed = f"delete Pod {meta['name']} in StatefulSet {name} failed error: {{error}}"
        told = Told(self._set, "SuccessfulDelete", done, "FailedDelete", failed)
        return Delete(PODS, meta["namespace"], meta["name"], meta["uid"], told)


def _status(observed: Observed, past: History, current: Obj, now: datetime) -> Obj:
    stateful_set, pods = observed.stateful_set, list(observed.pods.values())
    least = stateful_set["spec"].get("minReadySeconds") or 0
    living = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    old_name, new_name = current["metadata"]["name"], past.current["metadata"]["name"]
    status: Obj = {
        "observedGeneration": stateful_set["metadata"].get("generation", 1),
        "replicas": len(pods),
        "availableReplicas": sum(available_in(pod, least, now) == 0.0 for pod in pods),
        "collisionCount": (stateful_set.get("status") or {}).get("collisionCount", 0),
        "currentRevision": old_name,
        "updateRevision": new_name,
    }
    ready = sum(is_ready(pod) and phase(pod) == "Running" for pod in pods)
    updated = sum(revision_of(pod) == new_name for pod in living)
    before = sum(revision_of(pod) == old_name for pod in living)
    if updated == ready == len(pods) == stateful_set["spec"].get("replicas", 1):
        status["currentRevision"], before = new_name, updated
    counts = {"readyReplicas": ready, "currentReplicas": before, "updatedReplicas": updated}
    status |= {name: count for name, count in counts.items() if count}
    conditions = (stateful_set.get("status") or {}).get("conditions")
    return status | ({"conditions": conditions} if conditions else {})


CONTROLLER = Controller(
    "statefulset-controller",
    Reconciler(STATEFUL_SETS, WATCHES, observe, decide, "statefulset-controller"),
    account="statefulset-controller",
)
