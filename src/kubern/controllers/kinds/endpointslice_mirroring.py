"""EndpointSlice mirroring: Endpoints that people wrote by hand, for a Service without selector, become EndpointSlices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers.actions import Delete, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.endpoint_model import Port
from kubern.controllers.owners import reference_to
from kubern.controllers.resources import ENDPOINT_SLICES, ENDPOINTS, SERVICES
from kubern.controllers.slices import MANAGED_BY, SERVICE_NAME, Family, Group, group, reconcile

MANAGER = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"


class Observed(NamedTuple):
    """Endpoints to mirror (None: none), and the slices that mirror them."""

    endpoints: Obj | None
    slices: Sequence[Obj]


def _of_slice(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    obj = after or before
    labels = (obj["metadata"].get("labels") or {}) if obj else {}
    if obj is None or labels.get(MANAGED_BY) != MANAGER or not labels.get(SERVICE_NAME):
        return ()
    return ((obj["metadata"]["namespace"], labels[SERVICE_NAME]),)


WATCHES = (Watch(ENDPOINTS, itself), Watch(SERVICES, itself), Watch(ENDPOINT_SLICES, _of_slice))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return Endpoints of a Service without selector, or mirrors of what is not to be mirrored any more."""
    endpoints, service = cache.at(ENDPOINTS, key), cache.at(SERVICES, key)
    slices = [
        each
        for each in cache.list(ENDPOINT_SLICES, key[0])
        if (each["metadata"].get("labels") or {}).get(MANAGED_BY) == MANAGER
        and each["metadata"]["labels"].get(SERVICE_NAME) == key[1]
    ]
    wanted = endpoints is not None and service is not None and not service["spec"].get("selector")
    if not wanted or endpoints is None or _skipped(endpoints):
        return Observed(None, slices) if slices else None
    return Observed(endpoints, slices)


def _skipped(endpoints: Obj) -> bool:
    meta = endpoints["metadata"]
    return (meta.get("labels") or {}).get(SKIP) == "true" or LEADER in (meta.get("annotations") or {})


def decide(observed: Observed, now: datetime) -> Plan:
    """Make the mirrors hold what the Endpoints list."""
    endpoints = observed.endpoints
    if endpoints is None:
        gone = [each["metadata"] for each in observed.slices]
        return Plan(tuple(Delete(ENDPOINT_SLICES, m["namespace"], m["name"], m["uid"]) for m in gone))
    meta = endpoints["metadata"]
    wanted: dict[Group, list[Obj]] = {}
    for subset in endpoints.get("subsets") or ():
        ports = [
            Port(p.get("name") or "", p.get("protocol") or "TCP", p["port"], p.get("appProtocol") or "")
            for p in subset.get("ports") or ()
        ]
        for name, ready in (("addresses", True), ("notReadyAddresses", False)):
            for address in subset.get(name) or ():
                family = "IPv6" if ":" in address["ip"] else "IPv4"
                wanted.setdefault(group(family, ports), []).append(_endpoint(address, ready))
    labels = {**(meta.get("labels") or {}), SERVICE_NAME: meta["name"], MANAGED_BY: MANAGER}
    reference = reference_to(endpoints, "v1", "Endpoints")
    return Plan(
        tuple(reconcile(Family(meta["namespace"], meta["name"], labels, {}, reference), wanted, observed.slices))
    )


def _endpoint(address: Obj, ready: bool) -> Obj:
    made: Obj = {"addresses": [address["ip"]], "conditions": {"ready": ready}}
    return made | {name: address[name] for name in ("hostname", "nodeName", "targetRef") if address.get(name)}


CONTROLLER = Controller(
    "endpointslice-mirroring-controller",
    Reconciler(ENDPOINTS, WATCHES, observe, decide, "endpoint-slice-mirroring-controller"),
    account="endpointslicemirroring-controller",
)
