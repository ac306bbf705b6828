"""ClusterRole aggregation: a role with an aggregationRule has the rules of all roles that its selectors match."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.client.labels import selects
from kubern.controllers.actions import Patch, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.resources import CLUSTER_ROLES


class Observed(NamedTuple):
    """An aggregating role and the roles that it selects, by name."""

    role: Obj
    parts: Sequence[Obj]


def _aggregating(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """Any role may be a part of any that aggregates; those are few."""
    return [key_of(role) for role in cache.list(CLUSTER_ROLES) if role.get("aggregationRule")]


WATCHES = (Watch(CLUSTER_ROLES, _aggregating),)


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return an aggregating role and its parts."""
    role = cache.at(CLUSTER_ROLES, key)
    if role is None or not role.get("aggregationRule"):
        return None
    selectors = role["aggregationRule"].get("clusterRoleSelectors") or ()
    parts = [
        each
        for each in cache.list(CLUSTER_ROLES)
        if each is not role and any(selects(selector, each["metadata"].get("labels")) for selector in selectors)
    ]
    return Observed(role, sorted(parts, key=lambda each: str(each["metadata"]["name"])))


def decide(observed: Observed, now: datetime) -> Plan:
    """Join the parts' rules, each once."""
    rules: list[Obj] = []
    for part in observed.parts:
        rules += [rule for rule in part.get("rules") or () if rule not in rules]
    if rules == (observed.role.get("rules") or []):
        return Plan()
    return Plan((Patch(CLUSTER_ROLES, "", observed.role["metadata"]["name"], {"rules": rules}),))


CONTROLLER = Controller(
    "clusterrole-aggregation-controller",
    Reconciler(CLUSTER_ROLES, WATCHES, observe, decide, "clusterrole-aggregation-controller"),
    account="clusterrole-aggregation-controller",
)
