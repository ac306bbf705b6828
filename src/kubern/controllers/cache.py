"""What observations read: the informers' copies, by name, by namespace, by controlling owner, by node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.client.informer import IndexKeys, Informer, Key
from kubern.controllers.autoscaling.model import Settings
from kubern.controllers.certificates.authority import Authority
from kubern.controllers.owners import controller_of
from kubern.controllers.zones import EvictionRates

Objects = list[Obj]


class Options(NamedTuple):
    """What an operator may set. Durations are seconds; names are those of upstream's flags where they exist."""

    node_monitor_grace_period: float = 50.0
    node_startup_grace_period: float = 60.0
    """The same for a node whose kubelet has not reported yet."""
    eviction_rates: EvictionRates = EvictionRates()
    """--node-eviction-rate and what it depends on."""
    terminated_pod_gc_threshold: int = 12500
    cluster_cidr: str = "10.244.0.0/16"
    node_cidr_mask_size: int = 24
    allocate_node_cidrs: bool = True
    root_ca: str = ""
    """PEM of the certificate authority that clients in pods trust; empty: none is published."""
    service_account_key: str = ""
    """PEM of the key that signs the tokens of Secrets; empty: such Secrets are left alone."""
    legacy_token_clean_up_period: float = 365 * 24 * 3600.0
    authorities: Mapping[str, Authority] = {}
    """By the name of the signer of certificates that they are for; requests for other signers are left alone."""
    local_volume_path: str = "/var/lib/kubern/volumes"
    """The directory on every node below which `kubern.io/local` keeps volumes."""
    autoscaling: Settings = Settings()
    """The --horizontal-pod-autoscaler-* flags."""


DEFAULTS = Options()


class Cache:
    """Read-only; every object belongs to everybody and is never changed."""

    def __init__(self, informer: Callable[[GVR], Informer], options: Options = DEFAULTS) -> None:
        self.options = options
        self._informer = informer

    def get(self, gvr: GVR, namespace: str, name: str) -> Obj | None:
        """Return one object, or None."""
        return self._informer(gvr).get(namespace, name)

    def at(self, gvr: GVR, key: Key) -> Obj | None:
        """Return the object under a key, or None."""
        return self._informer(gvr).get(*key)

    def list(self, gvr: GVR, namespace: str = "") -> Objects:
        """Return all objects, or those of one namespace."""
        return self._informer(gvr).list(namespace)

    def owned(self, gvr: GVR, uid: str) -> Objects:
        """Return the objects whose controlling owner has this uid."""
        return self.indexed(gvr, "controller", _controller, uid)

    def orphans(self, gvr: GVR, namespace: str) -> Objects:
        """Return the objects of a namespace that nobody controls."""
        return self.indexed(gvr, "orphan", _orphan, namespace)

    def on_node(self, gvr: GVR, node: str) -> Objects:
        """Return the pods assigned to a node ("" for those assigned to none)."""
        return self.indexed(gvr, "node", _node, node)

    def indexed(self, gvr: GVR, index: str, keys: IndexKeys, key: str) -> Objects:
        """Return what an index has under a key; the index is made when it is first asked for."""
        informer = self._informer(gvr)
        informer.add_index(index, keys)
        return informer.by_index(index, key)

    def version(self, gvr: GVR) -> int:
        """Return the newest resource version that has arrived."""
        return self._informer(gvr).version


def _controller(obj: Obj) -> Iterable[str]:
    owner = controller_of(obj)
    return (owner["uid"],) if owner else ()


def _orphan(obj: Obj) -> Iterable[str]:
    return () if controller_of(obj) else (obj["metadata"].get("namespace", ""),)


def _node(obj: Obj) -> Iterable[str]:
    return (obj["spec"].get("nodeName") or "",)
