"""EndpointSlice: which pods are behind a Service with a selector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.controllers import endpoint_model as model
from kubern.controllers import topology
from kubern.controllers.actions import Event, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.owners import reference_to
from kubern.controllers.resources import ENDPOINT_SLICES, NODES, PODS, SERVICES
from kubern.controllers.slices import MANAGED_BY, SERVICE_NAME, Family, Group, group, reconcile

MANAGER = "endpointslice-controller.k8s.io"
ZONE = "topology.kubernetes.io/zone"


class Observed(NamedTuple):
    """A Service, the pods that it selects, its slices, and the zones of the nodes concerned."""

    service: Obj
    pods: Sequence[Obj]
    slices: Sequence[Obj]
    zones: dict[str, str]
    cpu: dict[str, int] | None = None
    """The CPU of each zone, where the Service wants its endpoints shared out by it and every node says."""


def _of_slice(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    obj = after or before
    labels = (obj["metadata"].get("labels") or {}) if obj else {}
    if obj is None or labels.get(MANAGED_BY) != MANAGER or not labels.get(SERVICE_NAME):
        return ()
    return ((obj["metadata"]["namespace"], labels[SERVICE_NAME]),)


def _of_node(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A node whose zone changed concerns every Service with pods on it, one whose CPU did every Service that shares by it."""
    obj = after or before
    keys: set[Key] = set()
    if topology.standing(before) != topology.standing(after):
        keys.update(key_of(each) for each in cache.list(SERVICES) if topology.is_asked_for(each))
    if obj is None or _zone(before) == _zone(after):
        return keys
    for pod in cache.on_node(PODS, obj["metadata"]["name"]):
        keys.update(model.selecting_services(None, pod, cache))
    return keys


def _zone(node: Obj | None) -> str:
    return ((node or {}).get("metadata") or {}).get("labels", {}).get(ZONE, "") if node else ""


WATCHES = (
    Watch(SERVICES, itself),
    Watch(PODS, model.selecting_services),
    Watch(ENDPOINT_SLICES, _of_slice),
    Watch(NODES, _of_node),
)


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a Service with a selector and what belongs to it; one that is gone takes its slices along by itself."""
    service = cache.at(SERVICES, key)
    if service is None or not service["spec"].get("selector") or service["spec"].get("type") == "ExternalName":
        return None
    if service["metadata"].get("deletionTimestamp"):
        return None
    pods = model.selected_pods(service, cache)
    nodes = {pod["spec"]["nodeName"] for pod in pods}
    zones = {name: _zone(cache.get(NODES, "", name)) for name in nodes}
    cpu = topology.cpu_of_zones(cache.list(NODES)) if topology.is_asked_for(service) else None
    return Observed(service, pods, _slices(key, cache), zones, cpu)


def _slices(key: Key, cache: Cache) -> list[Obj]:
    found = cache.indexed(ENDPOINT_SLICES, "service", _service_of, f"{key[0]}/{key[1]}")
    return [each for each in found if each["metadata"]["labels"].get(MANAGED_BY) == MANAGER]


def _service_of(endpoint_slice: Obj) -> Iterable[str]:
    name = (endpoint_slice["metadata"].get("labels") or {}).get(SERVICE_NAME)
    return (f"{key_of(endpoint_slice)[0]}/{name}",) if name else ()


def decide(observed: Observed, now: datetime) -> Plan:
    """Make the slices hold the Service's pods."""
    service = observed.service
    meta = service["metadata"]
    wanted: dict[Group, list[Obj]] = {}
    for family in model.families(service):
        for pod in observed.pods:
            address = model.address_of(pod, family)
            if address is not None:
                endpoint = _endpoint(service, pod, address, observed.zones)
                wanted.setdefault(group(family, model.ports(service, pod)), []).append(endpoint)
        if not any(each.family == family for each in wanted):
            wanted[Group(family, ())] = []
    events = _share_out(observed, wanted)
    labels = model.service_labels(service) | {SERVICE_NAME: meta["name"], MANAGED_BY: MANAGER}
    if model.is_headless(service):
        labels["service.kubernetes.io/headless"] = ""
    trigger = model.trigger_time(service, observed.pods)
    annotations = {"endpoints.kubernetes.io/last-change-trigger-time": trigger} if trigger else {}
    reference = reference_to(service, "v1", "Service")
    same = Family(meta["namespace"], meta["name"], labels, annotations, reference)
    actions = reconcile(same, wanted, observed.slices)
    # told when something changes: a Service that stays without hints says so with each change of its endpoints
    return Plan((*actions, *events) if actions else ())


def _share_out(observed: Observed, wanted: dict[Group, list[Obj]]) -> list[Event]:
    """Give the endpoints of each family the hints of topology aware routing; returns what is to be told about it."""
    service, events = observed.service, []
    asked = topology.is_asked_for(service)
    for family in model.families(service):
        mine = [each for each in wanted if each.family == family]
        had = any(_hinted(each) for each in observed.slices if each["addressType"] == family)
        text, type_, reason = "", "Warning", topology.DISABLED
        if asked:
            verdict = topology.share_out([each for one in mine for each in wanted[one]], observed.cpu)
            rest = iter(verdict.endpoints)
            for one in mine:
                wanted[one] = [next(rest) for _ in wanted[one]]
            text = verdict.problem
            if not text and not had:
                text, type_, reason = topology.ON, "Normal", topology.ENABLED
        elif had and not service["spec"].get("trafficDistribution"):
            text = topology.OFF
        if text:
            events.append(Event(service, type_, reason, f"{text}, addressType: {family}"))
    return events


def _hinted(endpoint_slice: Obj) -> bool:
    return any(each.get("hints") for each in endpoint_slice.get("endpoints") or ())


def _endpoint(service: Obj, pod: Obj, address: str, zones: dict[str, str]) -> Obj:
    conditions = model.conditions(service, pod)
    made: Obj = {
        "addresses": [address],
        "conditions": conditions._asdict(),
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": model.target_reference(pod),
    }
    hostname, zone = model.hostname(service, pod), zones.get(pod["spec"]["nodeName"]) or ""
    hints = model.hints(service, pod["spec"]["nodeName"], zone)
    made |= ({"hostname": hostname} if hostname else {}) | ({"zone": zone} if zone else {})
    return made | ({"hints": hints} if hints else {})


CONTROLLER = Controller(
    "endpointslice-controller",
    Reconciler(SERVICES, WATCHES, observe, decide, "endpoint-slice-controller"),
    account="endpointslice-controller",
)
