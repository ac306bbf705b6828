"""ServiceAccounts: every namespace has one named `default`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers.actions import Create, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.resources import NAMESPACES, SERVICE_ACCOUNTS

NAME = "default"


def _namespace_of(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """The loss of a namespace's default account concerns the namespace."""
    lost = before is not None and after is None and before["metadata"]["name"] == NAME
    return (("", before["metadata"]["namespace"]),) if lost and before else ()


WATCHES = (Watch(NAMESPACES, itself), Watch(SERVICE_ACCOUNTS, _namespace_of))


def observe(key: Key, cache: Cache) -> str | None:
    """Return the name of a live namespace that lacks its account."""
    namespace = cache.at(NAMESPACES, key)
    if namespace is None or (namespace.get("status") or {}).get("phase", "Active") != "Active":
        return None
    return None if cache.get(SERVICE_ACCOUNTS, key[1], NAME) else key[1]


def decide(namespace: str, now: datetime) -> Plan:
    """Create the account."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": namespace}}
    return Plan((Create(SERVICE_ACCOUNTS, account, namespace, exists_ok=True),))


CONTROLLER = Controller(
    "serviceaccount-controller",
    Reconciler(NAMESPACES, WATCHES, observe, decide, "serviceaccount-controller"),
    account="service-account-controller",
)
