"""Node IPAM: gives every node its part of the cluster's pod range."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers.actions import Event, Patch, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.resources import NODES

WATCHES = (Watch(NODES, itself),)
FULL_RETRY = 60.0


class Observed(NamedTuple):
    """A node without a range, the ranges taken, and where to take from."""

    node: Obj
    taken: frozenset[str]
    cluster_cidr: str
    mask_size: int
    waits: Callable[[str], bool]
    """Whether, as far as is known, there is a node of this name and it has no range."""
    chosen: str = ""
    """The range that the node is to have, empty when none is free."""


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a node that has no range yet."""

    def waits(name: str) -> bool:
        found = cache.get(NODES, "", name)
        return found is not None and not [*_ranges(found)] and not found["metadata"].get("deletionTimestamp")

    if not cache.options.allocate_node_cidrs or not waits(key[1]):
        return None
    taken = frozenset(cidr for each in cache.list(NODES) for cidr in _ranges(each))
    return Observed(
        cache.at(NODES, key) or {}, taken, cache.options.cluster_cidr, cache.options.node_cidr_mask_size, waits
    )


def _ranges(node: Obj) -> Iterable[str]:
    spec = node.get("spec") or {}
    return spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else [])


class Ranges:
    """Remembers the ranges that were given to nodes whose copies here do not say so yet: two nodes must not be given the same."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def __call__(self, observed: Observed, memory: None, now: datetime) -> tuple[Observed, None]:
        """Add the range that the node is to have: the first free one."""
        self._given = {name: cidr for name, cidr in self._given.items() if observed.waits(name)}
        name = observed.node["metadata"]["name"]
        if name not in self._given:
            free = _free(observed, frozenset(self._given.values()))
            if not free:
                return observed, None
            self._given[name] = free
        return observed._replace(chosen=self._given[name]), None


def _free(observed: Observed, given: frozenset[str]) -> str:
    network = ipaddress.ip_network(observed.cluster_cidr)
    taken = [ipaddress.ip_network(cidr, strict=False) for cidr in observed.taken | given]
    same = {each for each in taken if each.prefixlen == observed.mask_size}
    others = [each for each in taken if each.prefixlen != observed.mask_size and each.version == network.version]
    for free in network.subnets(new_prefix=observed.mask_size):
        if free not in same and not any(free.overlaps(each) for each in others):
            return str(free)
    return ""


def decide(observed: Observed, now: datetime) -> Plan:
    """Give the node its range."""
    meta = observed.node["metadata"]
    if not observed.chosen:
        text = f"Node {meta['name']} status is now: CIDRNotAvailable"
        return Plan((Event(observed.node, "Normal", "CIDRNotAvailable", text),), requeue_after=FULL_RETRY)
    # the version: nobody else may have given it one meanwhile
    patch = {
        "metadata": {"resourceVersion": meta["resourceVersion"]},
        "spec": {"podCIDR": observed.chosen, "podCIDRs": [observed.chosen]},
    }
    return Plan((Patch(NODES, "", meta["name"], patch),))


# one worker, since a choice counts from when it was made
CONTROLLER = Controller(
    "node-ipam-controller",
    Reconciler(NODES, WATCHES, observe, decide, "cidrAllocator", workers=1, new_recall=Ranges),
    account="node-controller",
)
