"""Endpoints: the EndpointSlice's predecessor, one object a Service, for clients that still read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers import endpoint_model as model
from kubern.controllers.actions import Action, Create, Delete, Plan, Update
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.resources import ENDPOINTS, PODS, SERVICES

MANAGED = "endpoints.kubernetes.io/managed-by"
MANAGER = "endpoint-controller"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
HEADLESS = "service.kubernetes.io/headless"
TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time"
CAPACITY = 1000
"""Addresses in an Endpoints object; more are cut off, ready ones kept first."""


class Observed(NamedTuple):
    """A Service (None: gone), the pods that it selects, and its Endpoints."""

    service: Obj | None
    pods: Sequence[Obj]
    endpoints: Obj | None


def _managed(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """The Endpoints of a Service that is there are looked at when somebody else changes them."""
    keys = list(itself(before, after, cache))
    return [key for key in keys if cache.at(SERVICES, key) is not None]


WATCHES = (Watch(SERVICES, itself), Watch(PODS, model.selecting_services), Watch(ENDPOINTS, _managed))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a Service with a selector and its Endpoints, or Endpoints that a Service left behind."""
    service, endpoints = cache.at(SERVICES, key), cache.at(ENDPOINTS, key)
    if service is None:
        return Observed(None, (), endpoints) if endpoints is not None else None
    if not service["spec"].get("selector") or service["spec"].get("type") == "ExternalName":
        return None
    return Observed(service, model.selected_pods(service, cache), endpoints)


def decide(observed: Observed, now: datetime) -> Plan:
    """Make the Endpoints list the Service's pods."""
    service, old = observed.service, observed.endpoints
    if service is None:
        return Plan((_deletion(old),)) if old is not None else Plan()
    pods = _capped(service, observed.pods)
    subsets = _subsets(service, pods)
    labels = {**(service["metadata"].get("labels") or {}), MANAGED: MANAGER}
    labels.pop(HEADLESS, None)
    if model.is_headless(service):
        labels[HEADLESS] = ""
    over = {OVER_CAPACITY: "truncated"} if len(pods) < len(observed.pods) else {}
    if old is None:
        return Plan((_creation(service, subsets, labels, over),))
    meta = old["metadata"]
    annotations = {name: v for name, v in (meta.get("annotations") or {}).items() if name != OVER_CAPACITY} | over
    same = (meta.get("labels") or {}) == labels and (meta.get("annotations") or {}) == annotations
    if same and (old.get("subsets") or []) == subsets:
        return Plan()
    annotations |= _trigger(service, pods)
    changed = {**old, "metadata": {**meta, "labels": labels, "annotations": annotations}, "subsets": subsets}
    return Plan((Update(ENDPOINTS, changed),))


def _trigger(service: Obj, pods: Sequence[Obj]) -> dict[str, str]:
    moment = model.trigger_time(service, pods)
    return {TRIGGER: moment} if moment else {}


def _creation(service: Obj, subsets: list[Obj], labels: dict[str, str], over: dict[str, str]) -> Create:
    meta = service["metadata"]
    made_meta: Obj = {
        "name": meta["name"],
        "namespace": meta["namespace"],
        "labels": labels,
        "annotations": {**over, **_trigger(service, ())},
    }
    made = {"apiVersion": "v1", "kind": "Endpoints", "metadata": made_meta, "subsets": subsets}
    return Create(ENDPOINTS, made, meta["namespace"], exists_ok=True)


def _deletion(endpoints: Obj | None) -> Action:
    assert endpoints is not None
    meta = endpoints["metadata"]
    return Delete(ENDPOINTS, meta["namespace"], meta["name"], meta["uid"])


def _capped(service: Obj, pods: Sequence[Obj]) -> Sequence[Obj]:
    if len(pods) <= CAPACITY:
        return pods
    return sorted(pods, key=lambda pod: not model.conditions(service, pod).ready)[:CAPACITY]


def _subsets(service: Obj, pods: Sequence[Obj]) -> list[Obj]:
    """Group addresses by their ports, in a fixed order, so that equal pods give equal subsets."""
    family = model.families(service)[0]
    groups: dict[tuple[model.Port, ...], dict[bool, list[Obj]]] = {}
    for pod in pods:
        address = model.address_of(pod, family)
        found = model.conditions(service, pod)
        if address is None or (found.terminating and not found.ready):
            continue
        ports = tuple(sorted(model.ports(service, pod), key=lambda port: (port.number or 0, port.name)))
        if ports:
            groups.setdefault(ports, {True: [], False: []})[found.ready].append(_address(service, pod, address))
    return [_subset(ports, both) for ports, both in sorted(groups.items(), key=lambda item: str(item[0]))]


def _address(service: Obj, pod: Obj, address: str) -> Obj:
    made: Obj = {"ip": address, "nodeName": pod["spec"]["nodeName"], "targetRef": model.target_reference(pod)}
    hostname = model.hostname(service, pod)
    return made | ({"hostname": hostname} if hostname else {})


def _subset(ports: tuple[model.Port, ...], both: dict[bool, list[Obj]]) -> Obj:
    subset: Obj = {}
    for name, ready in (("addresses", True), ("notReadyAddresses", False)):
        if both[ready]:
            subset[name] = sorted(both[ready], key=lambda address: str(address["ip"]))
    listed = [_port(port) for port in ports if port.number is not None]
    return subset | ({"ports": listed} if listed else {})


def _port(port: model.Port) -> Obj:
    made: Obj = {"port": port.number, "protocol": port.protocol}
    return (
        ({"name": port.name} if port.name else {})
        | made
        | ({"appProtocol": port.app_protocol} if port.app_protocol else {})
    )


CONTROLLER = Controller(
    "endpoints-controller",
    Reconciler(SERVICES, WATCHES, observe, decide, "endpoint-controller"),
    account="endpoint-controller",
)
