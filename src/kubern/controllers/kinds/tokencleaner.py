"""Token cleaner: deletes the Secrets of bootstrap tokens whose time is over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kubern.api.bootstrap_token import NAMESPACE, TYPE, seconds_left
from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import Delete, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.resources import SECRETS


def _token(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    is_one = after is not None and after.get("type") == TYPE and after["metadata"]["namespace"] == NAMESPACE
    return (key_of(after),) if is_one and after is not None else ()


WATCHES = (Watch(SECRETS, _token),)


def observe(key: Key, cache: Cache) -> Obj | None:
    """Return the Secret of a token."""
    secret = cache.at(SECRETS, key)
    return secret if secret is not None and secret.get("type") == TYPE else None


def decide(secret: Obj, now: datetime) -> Plan:
    """Delete the Secret when its time is over."""
    left = seconds_left(secret, now)
    if left is None:
        return Plan()
    if left > 0:
        return Plan(requeue_after=left)
    meta = secret["metadata"]
    return Plan((Delete(SECRETS, meta["namespace"], meta["name"], meta["uid"]),))


CONTROLLER = Controller(
    "token-cleaner-controller",
    Reconciler(SECRETS, WATCHES, observe, decide, "token-cleaner", workers=1),
    by_default=False,
    account="token-cleaner",
)
