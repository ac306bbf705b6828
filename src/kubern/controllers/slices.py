"""Puts endpoints into EndpointSlices and changes as few of them as it can. Pure; shared by the slice and the mirroring controller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.controllers.actions import Action, Create, Delete, Update
from kubern.controllers.endpoint_model import Port
from kubern.controllers.resources import ENDPOINT_SLICES

MAX_ENDPOINTS = 100
"""Endpoints in a slice (upstream's --max-endpoints-per-slice)."""
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"


class Group(NamedTuple):
    """Slices differ by address family and ports."""

    family: str
    ports: tuple[Port, ...]


class Family(NamedTuple):
    """What is the same for all slices of a Service."""

    namespace: str
    prefix: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    reference: Obj


def reconcile(family: Family, wanted: Mapping[Group, Sequence[Obj]], existing: Sequence[Obj]) -> list[Action]:
    """Return what makes the existing slices hold exactly the wanted endpoints: endpoints stay in the slice that has them."""
    actions: list[Action] = []
    left = list(existing)
    for group, endpoints in wanted.items():
        mine = [each for each in left if group_of(each) == group]
        left = [each for each in left if group_of(each) != group]
        actions += _fill(family, group, endpoints, mine)
    return [*actions, *map(_deletion, left)]


def group_of(endpoint_slice: Obj) -> Group:
    """Return the group that a slice belongs to."""
    ports = [
        Port(p.get("name") or "", p.get("protocol") or "", p.get("port"), p.get("appProtocol") or "")
        for p in endpoint_slice.get("ports") or ()
    ]
    return Group(endpoint_slice["addressType"], tuple(sorted(ports, key=_port_order)))


def group(family: str, ports: Sequence[Port]) -> Group:
    """Return the group of an endpoint."""
    return Group(family, tuple(sorted(ports, key=_port_order)))


def _port_order(port: Port) -> tuple[str, str, int, str]:
    return port.name, port.protocol, port.number or 0, port.app_protocol


def _fill(family: Family, group: Group, endpoints: Sequence[Obj], slices: Sequence[Obj]) -> list[Action]:
    waiting = {_identity(endpoint): endpoint for endpoint in endpoints}
    kept: list[tuple[Obj, list[Obj]]] = []
    for each in sorted(slices, key=lambda s: str(s["metadata"]["name"])):
        stays = [waiting.pop(key) for e in each.get("endpoints") or () if (key := _identity(e)) in waiting]
        kept.append((each, stays))
    rest = list(waiting.values())
    # the fullest slice with room first: fewer slices, and fewer of them change
    for _, stays in sorted(kept, key=lambda pair: -len(pair[1])):
        room = MAX_ENDPOINTS - len(stays)
        stays += rest[:room]
        rest = rest[room:]
    actions: list[Action] = []
    filled = [pair for pair in kept if pair[1]]
    empty = [each for each, stays in kept if not stays]
    if not endpoints and empty:
        # a Service without endpoints keeps one empty slice: clients can tell it from one that is not there yet
        filled.append((empty.pop(0), []))
    for each, stays in filled:
        actions += _update(family, each, stays)
    actions += map(_deletion, empty)
    while rest or not (filled or actions):
        actions.append(_creation(family, group, rest[:MAX_ENDPOINTS]))
        rest = rest[MAX_ENDPOINTS:]
    return actions


def _identity(endpoint: Obj) -> tuple[str, str]:
    return endpoint["addresses"][0], (endpoint.get("targetRef") or {}).get("uid", "")


def _update(family: Family, endpoint_slice: Obj, endpoints: list[Obj]) -> list[Action]:
    meta = endpoint_slice["metadata"]
    same_labels = all((meta.get("labels") or {}).get(k) == v for k, v in family.labels.items())
    extra = set(meta.get("labels") or {}) - set(family.labels)
    if same_labels and not extra and (endpoint_slice.get("endpoints") or []) == endpoints:
        return []
    changed = {**meta, "labels": dict(family.labels)}
    if family.annotations:
        changed["annotations"] = {**(meta.get("annotations") or {}), **family.annotations}
    return [Update(ENDPOINT_SLICES, {**endpoint_slice, "metadata": changed, "endpoints": endpoints})]


def _creation(family: Family, group: Group, endpoints: Sequence[Obj]) -> Create:
    metadata: Obj = {
        "generateName": f"{family.prefix[:57]}-",
        "namespace": family.namespace,
        "labels": dict(family.labels),
        "ownerReferences": [family.reference],
    }
    if family.annotations:
        metadata["annotations"] = dict(family.annotations)
    made: Obj = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": group.family,
        "endpoints": list(endpoints),
        "ports": [_port(port) for port in group.ports],
    }
    return Create(ENDPOINT_SLICES, made, family.namespace)


def _port(port: Port) -> Obj:
    if port.number is None:
        return {"name": port.name}
    made: Obj = {"name": port.name, "port": port.number, "protocol": port.protocol}
    return made | ({"appProtocol": port.app_protocol} if port.app_protocol else {})


def _deletion(endpoint_slice: Obj) -> Delete:
    meta = endpoint_slice["metadata"]
    return Delete(ENDPOINT_SLICES, meta["namespace"], meta["name"], meta["uid"])
