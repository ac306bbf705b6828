"""ResourceQuota: reports how much of a quota is used. Refusing what goes beyond it is admission's business."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from kubern.api.quota import (
    claim_usage,
    count_usage,
    counts_for_pods,
    device_usage,
    has_scopes,
    in_scope,
    pod_usage,
    service_usage,
    total,
)
from kubern.base.json import Obj
from kubern.base.quantity import Quantity
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, ToKeys, Watch, itself
from kubern.controllers.resources import (
    CLAIMS,
    CONFIG_MAPS,
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    RESOURCE_CLAIMS,
    RESOURCE_QUOTAS,
    SERVICE_ACCOUNTS,
    SERVICES,
    STATEFUL_SETS,
)

COUNTED = (
    CONFIG_MAPS,
    REPLICATION_CONTROLLERS,
    RESOURCE_QUOTAS,
    SERVICE_ACCOUNTS,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    DAEMON_SETS,
    JOBS,
    CRON_JOBS,
)
"""What is counted by number alone."""


RECOUNT = 300.0
"""Seconds until a quota is counted anew, which takes back what was charged for objects that were not stored."""


class Observed(NamedTuple):
    """A quota and what its namespace uses."""

    quota: Obj
    used: Mapping[str, Quantity]


def _quotas(matters: Callable[[Obj, Obj], bool]) -> ToKeys:
    """A change concerns the namespace's quotas when something went or uses another amount. What came has been charged by
    admission; counting it here while others are being charged would give their share away."""

    def keys(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
        if before is None or (after is not None and not matters(before, after)):
            return ()
        return [key_of(each) for each in cache.list(RESOURCE_QUOTAS, before["metadata"]["namespace"])]

    return keys


def _pod_matters(before: Obj, after: Obj) -> bool:
    return counts_for_pods(before) != counts_for_pods(after) or before["spec"] != after["spec"]


def _spec_matters(before: Obj, after: Obj) -> bool:
    return bool(before["spec"] != after["spec"])


def _claim_matters(before: Obj, after: Obj) -> bool:
    """The classes that a claim has and is about to get are in its status."""
    names = ("currentVolumeAttributesClassName", "modifyVolumeStatus")
    old, new = before.get("status") or {}, after.get("status") or {}
    return _spec_matters(before, after) or any(old.get(name) != new.get(name) for name in names)


def _never(before: Obj, after: Obj) -> bool:
    return False


def _new_or_changed(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A quota itself is counted when it is new or its limits change; not when admission has charged it."""
    if before is not None and after is not None and before["spec"] == after["spec"]:
        return ()
    return itself(before, after, cache)


WATCHES = (
    Watch(RESOURCE_QUOTAS, _new_or_changed),
    Watch(PODS, _quotas(_pod_matters)),
    Watch(SERVICES, _quotas(_spec_matters)),
    Watch(CLAIMS, _quotas(_claim_matters)),
    Watch(RESOURCE_CLAIMS, _quotas(_never)),
    *(Watch(gvr, _quotas(_never)) for gvr in COUNTED),
)


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a quota and the usage of its namespace."""
    quota = cache.at(RESOURCE_QUOTAS, key)
    if quota is None:
        return None
    pods = [pod for pod in cache.list(PODS, key[0]) if counts_for_pods(pod) and in_scope(quota, "pods", pod)]
    claims = [each for each in cache.list(CLAIMS, key[0]) if in_scope(quota, "persistentvolumeclaims", each)]
    usages = [pod_usage(pod) for pod in pods] + [claim_usage(each) for each in claims]
    if not has_scopes(quota):
        usages += [service_usage(each) for each in cache.list(SERVICES, key[0])]
        usages += [device_usage(each) for each in cache.list(RESOURCE_CLAIMS, key[0])]
        usages += [count_usage(gvr.plural, gvr.group, len(cache.list(gvr, key[0]))) for gvr in COUNTED]
    return Observed(quota, total(usages))


def decide(observed: Observed, now: datetime) -> Plan:
    """Report the limits and what is used of each."""
    hard = observed.quota["spec"].get("hard") or {}
    old = (observed.quota.get("status") or {}).get("used") or {}
    used = {name: str(observed.used[name]) if name in observed.used else _none(name, old) for name in hard}
    return Plan(status={"hard": hard, "used": used}, requeue_after=RECOUNT)


def _none(name: str, old: Mapping[str, str]) -> str:
    """Return no usage; of what is not counted here (secrets, custom resources) admission keeps the number."""
    counted_elsewhere = name in ("secrets",) or name.startswith("count/")
    return old.get(name, "0") if counted_elsewhere else "0"


CONTROLLER = Controller(
    "resourcequota-controller",
    Reconciler(RESOURCE_QUOTAS, WATCHES, observe, decide, "resourcequota-controller"),
    account="resourcequota-controller",
)
