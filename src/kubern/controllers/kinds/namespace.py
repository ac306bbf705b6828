"""Namespace: empties a namespace that is being deleted, and lets it go once it is empty.

Source: the namespace life cycle's documentation and upstream's conditions.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.clock import parse_time
from kubern.base.errors import MethodNotAllowed, NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import Client
from kubern.client.informer import Key
from kubern.controllers.actions import Action, Delete, DeleteAll, Plan, Update
from kubern.controllers.cache import Cache
from kubern.controllers.conditions import changed
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.discovery import Served, discover
from kubern.controllers.resources import NAMESPACES

FINALIZER = "kubernetes"
SHORTEST, LONGEST = 0.1, 5.0
"""Seconds between two looks at what remains: a tenth of the time that the deletion has taken, within these."""

WATCHES = (Watch(NAMESPACES, itself),)


class Remaining(NamedTuple):
    """What a namespace still has of a resource."""

    resource: Served
    items: Sequence[Obj]


class Observed(NamedTuple):
    """A namespace that is being deleted, what is left in it, and why that may be incomplete."""

    namespace: Obj
    remaining: tuple[Remaining, ...] = ()
    undiscovered: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a namespace that is being deleted and still has our finalizer."""
    namespace = cache.at(NAMESPACES, key)
    if namespace is None or not namespace["metadata"].get("deletionTimestamp"):
        return None
    return Observed(namespace) if FINALIZER in ((namespace.get("spec") or {}).get("finalizers") or ()) else None


async def gather(observed: Observed, client: Client) -> Observed:
    """Add what is left, of every namespaced resource that can be deleted."""
    found = await discover(client)
    name = observed.namespace["metadata"]["name"]
    wanted = [each for each in found.resources if each.namespaced and {"list", "delete"} <= each.verbs]
    results = await asyncio.gather(*(_left(client, each, name) for each in wanted), return_exceptions=True)
    remaining, errors = [], []
    for served, result in zip(wanted, results, strict=True):
        if isinstance(result, Remaining):
            remaining += [result] if result.items else []
        elif isinstance(result, StatusError):
            errors.append(f"{served.gvr.plural}: {result.message}")
        else:
            raise result
    return Observed(observed.namespace, tuple(remaining), found.stale, tuple(errors))


async def _left(client: Client, served: Served, namespace: str) -> Remaining:
    try:
        return Remaining(served, (await client.list(served.gvr, namespace, metadata_only=True)).items)
    except (NotFound, MethodNotAllowed):
        return Remaining(served, ())


def decide(observed: Observed, now: datetime) -> Plan:
    """Delete what is left; when nothing is, remove the finalizer."""
    namespace = observed.namespace
    failures = observed.undiscovered or observed.unlisted
    if not observed.remaining and not failures:
        spec = namespace["spec"]
        finalizers = [each for each in spec["finalizers"] if each != FINALIZER]
        return Plan((Update(NAMESPACES, {**namespace, "spec": {**spec, "finalizers": finalizers}}, "finalize"),))
    actions = tuple(action for each in observed.remaining for action in _deletions(each, namespace))
    began = parse_time(namespace["metadata"]["deletionTimestamp"])
    wait = min(max((now - began).total_seconds() / 10, SHORTEST), LONGEST)
    return Plan(actions, _status(observed, now), wait)


def _deletions(remaining: Remaining, namespace: Obj) -> list[Action]:
    doomed = [item["metadata"] for item in remaining.items if not item["metadata"].get("deletionTimestamp")]
    name = namespace["metadata"]["name"]
    if not doomed:
        return []
    if "deletecollection" in remaining.resource.verbs:
        return [DeleteAll(remaining.resource.gvr, name)]
    return [Delete(remaining.resource.gvr, name, meta["name"], meta["uid"]) for meta in doomed]


def _status(observed: Observed, now: datetime) -> Obj:
    status = observed.namespace.get("status") or {}
    conditions = list(status.get("conditions") or ())
    for condition in _conditions(observed):
        conditions = changed(conditions, condition, now)
    return {**status, "phase": "Terminating", "conditions": conditions}


def _conditions(observed: Observed) -> list[Obj]:
    kinds = sorted(
        f"{each.resource.gvr.plural}.{each.resource.gvr.group} has {len(each.items)} resource instances"
        for each in observed.remaining
    )
    finalizers = Counter(
        finalizer
        for each in observed.remaining
        for item in each.items
        for finalizer in item["metadata"].get("finalizers") or ()
    )
    listed = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(finalizers.items()))
    undiscovered = ", ".join(observed.undiscovered)
    unlisted = "; ".join(observed.unlisted)
    return [
        _condition(
            "NamespaceDeletionDiscoveryFailure",
            (
                "DiscoveryFailed",
                f"Discovery failed for some groups, {len(observed.undiscovered)} failing: {undiscovered}",
            )
            if undiscovered
            else None,
            ("ResourcesDiscovered", "All resources successfully discovered"),
        ),
        _condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            None,
            ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        ),
        _condition(
            "NamespaceDeletionContentFailure",
            (
                "ContentDeletionFailed",
                f"Failed to delete all resource types, {len(observed.unlisted)} remaining: {unlisted}",
            )
            if unlisted
            else None,
            ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        ),
        _condition(
            "NamespaceContentRemaining",
            ("SomeResourcesRemain", f"Some resources are remaining: {', '.join(kinds)}") if kinds else None,
            ("ContentRemoved", "All content successfully removed"),
        ),
        _condition(
            "NamespaceFinalizersRemaining",
            ("SomeFinalizersRemain", f"Some content in the namespace has finalizers remaining: {listed}")
            if listed
            else None,
            ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        ),
    ]


def _condition(kind: str, problem: tuple[str, str] | None, fine: tuple[str, str]) -> Obj:
    reason, message = problem or fine
    return {"type": kind, "status": "True" if problem else "False", "reason": reason, "message": message}


CONTROLLER = Controller(
    "namespace-controller",
    Reconciler(NAMESPACES, WATCHES, observe, decide, "namespace-controller", workers=10, gather=gather),
    account="namespace-controller",
)
