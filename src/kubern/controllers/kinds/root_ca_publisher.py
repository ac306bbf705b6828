"""Root CA publisher: every namespace has a ConfigMap `kube-root-ca.crt` with the authority that pods trust."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers.actions import Create, Plan, Update
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.resources import CONFIG_MAPS, NAMESPACES

NAME = "kube-root-ca.crt"
DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


class Observed(NamedTuple):
    """A live namespace, its ConfigMap, and what that should hold."""

    namespace: str
    config_map: Obj | None
    root_ca: str


def _namespace_of(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    obj = after or before
    return (("", obj["metadata"]["namespace"]),) if obj and obj["metadata"]["name"] == NAME else ()


WATCHES = (Watch(NAMESPACES, itself), Watch(CONFIG_MAPS, _namespace_of))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a live namespace and its copy of the authority; nothing when there is no authority to publish."""
    namespace = cache.at(NAMESPACES, key)
    if namespace is None or not cache.options.root_ca:
        return None
    if (namespace.get("status") or {}).get("phase", "Active") != "Active":
        return None
    return Observed(key[1], cache.get(CONFIG_MAPS, key[1], NAME), cache.options.root_ca)


def decide(observed: Observed, now: datetime) -> Plan:
    """Create or mend the ConfigMap."""
    data, old = {"ca.crt": observed.root_ca}, observed.config_map
    if old is not None:
        return Plan() if old.get("data") == data else Plan((Update(CONFIG_MAPS, {**old, "data": data}),))
    meta = {
        "name": NAME,
        "namespace": observed.namespace,
        "annotations": {"kubernetes.io/description": DESCRIPTION},
    }
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
    return Plan((Create(CONFIG_MAPS, made, observed.namespace, exists_ok=True),))


CONTROLLER = Controller(
    "root-ca-certificate-publisher-controller",
    Reconciler(NAMESPACES, WATCHES, observe, decide, "root-ca-cert-publisher"),
    account="root-ca-cert-publisher",
)
