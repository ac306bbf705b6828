"""Node IPAM: gives every node its part of the cluster's pod range."""

from __future__ import annotations

import ipaddress
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


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a node that has no range yet."""
    node, options = cache.at(NODES, key), cache.options
    if node is None or not options.allocate_node_cidrs or node["metadata"].get("deletionTimestamp"):
        return None
    if (node.get("spec") or {}).get("podCIDR"):
        return None
    taken = {cidr for each in cache.list(NODES) for cidr in (each.get("spec") or {}).get("podCIDRs") or ()}
    taken |= {cidr for each in cache.list(NODES) if (cidr := (each.get("spec") or {}).get("podCIDR"))}
    return Observed(node, frozenset(taken), options.cluster_cidr, options.node_cidr_mask_size)


def decide(observed: Observed, now: datetime) -> Plan:
    """Take the first free range."""
    network = ipaddress.ip_network(observed.cluster_cidr)
    taken = [ipaddress.ip_network(cidr, strict=False) for cidr in observed.taken]
    same = {each for each in taken if each.prefixlen == observed.mask_size}
    others = [each for each in taken if each.prefixlen != observed.mask_size and each.version == network.version]
    meta = observed.node["metadata"]
    for free in network.subnets(new_prefix=observed.mask_size):
        if free in same or any(free.overlaps(each) for each in others):
            continue
        # the version: nobody else may have given it one meanwhile
        patch = {
            "metadata": {"resourceVersion": meta["resourceVersion"]},
            "spec": {"podCIDR": str(free), "podCIDRs": [str(free)]},
        }
        return Plan((Patch(NODES, "", meta["name"], patch),))
    text = f"Node {meta['name']} status is now: CIDRNotAvailable"
    return Plan((Event(observed.node, "Normal", "CIDRNotAvailable", text),), requeue_after=FULL_RETRY)


# one worker: two nodes must not be given the same range
CONTROLLER = Controller("node-ipam-controller", Reconciler(NODES, WATCHES, observe, decide, "cidrAllocator", workers=1))
