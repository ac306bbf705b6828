"""Service CIDRs: a range of Service addresses is ready once it has its finalizer, and goes when no address needs it any more."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.clock import parse_time
from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import Action, Plan, Update
from kubern.controllers.cache import Cache
from kubern.controllers.conditions import changed
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.resources import IP_ADDRESSES, SERVICE_CIDRS

FINALIZER = "networking.k8s.io/service-cidr-finalizer"
MANAGER, OURS = "ipaddress.kubernetes.io/managed-by", "ipallocator.k8s.io"
GRACE = 10.0
"""Seconds from the deletion on, within which a server may still take an address from the range."""
BLOCKED = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"


class Observed(NamedTuple):
    """A range, all others, and (only when it is to be deleted) the addresses that there are."""

    service_cidr: Obj
    others: Sequence[Obj]
    addresses: Sequence[str] = ()


def _and_doomed(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A range's own key, and those that wait to go: another range may take their addresses over."""
    obj = after or before
    return ({key_of(obj)} if obj else set()) | set(_doomed(before, after, cache))


def _doomed(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    return [key_of(each) for each in cache.list(SERVICE_CIDRS) if each["metadata"].get("deletionTimestamp")]


WATCHES = (Watch(SERVICE_CIDRS, _and_doomed), Watch(IP_ADDRESSES, _doomed))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a range with what keeps it."""
    found = cache.at(SERVICE_CIDRS, key)
    if found is None:
        return None
    others = [each for each in cache.list(SERVICE_CIDRS) if each is not found]
    if not found["metadata"].get("deletionTimestamp"):
        return Observed(found, others)
    ours = [a for a in cache.list(IP_ADDRESSES) if (a["metadata"].get("labels") or {}).get(MANAGER) == OURS]
    return Observed(found, others, [each["metadata"]["name"] for each in ours])


def decide(observed: Observed, now: datetime) -> Plan:
    """Finalizer and condition of a living range; hold a doomed one for as long as an address would be left without any."""
    obj = observed.service_cidr
    meta, finalizers = obj["metadata"], list(obj["metadata"].get("finalizers") or ())
    if not meta.get("deletionTimestamp"):
        actions: tuple[Action, ...] = ()
        if FINALIZER not in finalizers:
            actions = (Update(SERVICE_CIDRS, {**obj, "metadata": {**meta, "finalizers": [*finalizers, FINALIZER]}}),)
        return Plan(actions, _status(obj, "True", "", "Kubernetes Service CIDR is ready", now))
    if FINALIZER not in finalizers:
        return Plan()
    if needed(observed):
        return Plan(status=_status(obj, "False", "Terminating", BLOCKED, now))
    left = GRACE - (now - parse_time(meta["deletionTimestamp"])).total_seconds()
    if left > 0:
        return Plan(requeue_after=left)
    kept = [each for each in finalizers if each != FINALIZER]
    return Plan((Update(SERVICE_CIDRS, {**obj, "metadata": {**meta, "finalizers": kept}}),))


def needed(observed: Observed) -> bool:
    """Whether an address belongs to this range and to no other."""
    own, others = _networks([observed.service_cidr]), _networks(observed.others)
    if all(any(each.version == other.version and each.subnet_of(other) for other in others) for each in own):  # type: ignore[arg-type]
        return False  # wider ranges take all of it over
    for name in observed.addresses:
        address = ipaddress.ip_address(name)
        if any(address in each for each in own) and not any(address in each for each in others):
            return True
    return False


def _networks(service_cidrs: Iterable[Obj]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [
        ipaddress.ip_network(cidr, strict=False) for each in service_cidrs for cidr in each["spec"].get("cidrs") or ()
    ]


def _status(obj: Obj, status: str, reason: str, message: str, now: datetime) -> Obj:
    held = obj.get("status") or {}
    ready = {"type": "Ready", "status": status, "reason": reason, "message": message}
    return {**held, "conditions": changed(held.get("conditions"), ready, now)}


CONTROLLER = Controller(
    "service-cidr-controller",
    Reconciler(SERVICE_CIDRS, WATCHES, observe, decide, "service-cidrs-controller"),
    account="service-cidrs-controller",
)
"""Upstream's name is service-cidr-controller; its Events and rights are those of service-cidrs-controller."""
