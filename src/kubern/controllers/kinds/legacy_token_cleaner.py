"""Legacy token cleaner: token Secrets that were made for accounts by older clusters and are not used any more.

One that nobody has used for a year (and no pod mounts) is marked invalid; a year later it is deleted. Secrets that people made
themselves, which no account refers to, are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from kubern.api.legacy_token import DATE, INVALID_SINCE, LAST_USED, TRACKING, TYPE
from kubern.base.clock import parse_time
from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import Delete, Patch, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.resources import CONFIG_MAPS, PODS, SECRETS, SERVICE_ACCOUNTS
from kubern.controllers.token_secrets import account_name, account_of

LOOK_EVERY = 24 * 3600.0


class Observed(NamedTuple):
    """A Secret that may be cleaned up, since when uses are tracked, and after how many seconds without one it is too old."""

    secret: Obj
    since: str
    period: float
    in_use: bool


def _token(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    return (key_of(after),) if after is not None and after.get("type") == TYPE else ()


def _tracking(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    if after is None or key_of(after) != ("kube-system", TRACKING):
        return ()
    return [key_of(each) for each in cache.list(SECRETS) if each.get("type") == TYPE]


WATCHES = (Watch(SECRETS, _token), Watch(CONFIG_MAPS, _tracking))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a token's Secret, while uses are tracked."""
    secret, tracking = cache.at(SECRETS, key), cache.get(CONFIG_MAPS, "kube-system", TRACKING)
    if secret is None or secret.get("type") != TYPE or secret["metadata"].get("deletionTimestamp") or tracking is None:
        return None
    since, period = (tracking.get("data") or {}).get("since", ""), cache.options.legacy_token_clean_up_period
    return Observed(secret, since, period, _in_use(secret, cache))


def _in_use(secret: Obj, cache: Cache) -> bool:
    namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
    account = account_of(secret, cache.get(SERVICE_ACCOUNTS, namespace, account_name(secret)))
    if account is None or all(each.get("name") != name for each in account.get("secrets") or ()):
        return True  # nobody knows whether a machine made it
    return any(name in secret_names(pod["spec"]) for pod in cache.list(PODS, namespace))


def secret_names(part: Any, holder: str = "") -> Iterator[str]:
    """Yield the names of all Secrets that a pod's spec refers to, wherever it does."""
    if isinstance(part, list):
        for item in part:
            yield from secret_names(item, holder)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == "secretName" or (key == "name" and holder in _HOLDERS):
                yield str(value)
            elif isinstance(value, dict | list):
                yield from secret_names(value, key)


_HOLDERS = (
    "secretRef", "secretKeyRef", "imagePullSecrets", "nodePublishSecretRef", "nodeStageSecretRef", "secret",
    "controllerPublishSecretRef",
)  # fmt: skip


def decide(observed: Observed, now: datetime) -> Plan:
    """Mark what is too old, delete what has been marked for long enough."""
    again = Plan(requeue_after=LOOK_EVERY)
    secret, period = observed.secret, timedelta(seconds=observed.period)
    meta = secret["metadata"]
    since, labels = _date(observed.since), meta.get("labels") or {}
    if observed.in_use or since is None or now < since + timedelta(days=1) + period:
        return again
    if parse_time(meta["creationTimestamp"]) >= now - period:
        return again
    keep_from = (now - period).strftime(DATE)
    used = labels.get(LAST_USED)
    if used is not None and (_date(used) is None or used >= keep_from):
        return again
    invalid = labels.get(INVALID_SINCE, "")
    if _date(invalid) is None:
        patch = {"metadata": {"uid": meta["uid"], "labels": {INVALID_SINCE: now.strftime(DATE)}}}
        return Plan((Patch(SECRETS, meta["namespace"], meta["name"], patch),), requeue_after=LOOK_EVERY)
    if invalid >= keep_from:
        return again
    gone = Delete(SECRETS, meta["namespace"], meta["name"], meta["uid"], resource_version=meta["resourceVersion"])
    return Plan((gone,))


def _date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, DATE).replace(tzinfo=UTC)
    except ValueError:
        return None


CONTROLLER = Controller(
    "legacy-serviceaccount-token-cleaner-controller",
    Reconciler(SECRETS, WATCHES, observe, decide, "legacy-service-account-token-cleaner", workers=1),
    account="legacy-service-account-token-cleaner",
)
