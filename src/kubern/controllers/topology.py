"""Topology Aware Routing: which zone should use which endpoint, by the CPU that each zone has. Pure; called by the slice controller.

For Services with the annotation `service.kubernetes.io/topology-mode: Auto`. What always holds: every zone gets at least its share less
the overload that is borne (20 %), or no endpoint has a hint at all. Source: the enhancement 2433 and the page on topology aware routing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.base.quantity import parse

ZONE = "topology.kubernetes.io/zone"
MODE, OLD_MODE = "service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints"
OVERLOAD = 0.2
"""By how much more than its share a zone's endpoints may be asked."""
_EXCLUDED = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
ENABLED, DISABLED = "TopologyAwareHintsEnabled", "TopologyAwareHintsDisabled"
ON, OFF = "Topology Aware Hints has been enabled", "Topology Aware Hints has been disabled"


class Verdict(NamedTuple):
    """The endpoints with their hints, and why there are none."""

    endpoints: list[Obj]
    problem: str = ""


def is_asked_for(service: Obj) -> bool:
    """Say whether a Service wants its endpoints shared out among zones; `trafficDistribution` goes first."""
    annotations = service["metadata"].get("annotations") or {}
    mode = annotations.get(OLD_MODE) or annotations.get(MODE)
    return mode in ("Auto", "auto") and not service["spec"].get("trafficDistribution")


def cpu_of_zones(nodes: Iterable[Obj]) -> dict[str, int] | None:
    """Return the CPU (billionths of a core) of each zone's ready nodes; None when a node does not say its zone or its CPU."""
    found: dict[str, int] = {}
    for node in nodes:
        labels, status = node["metadata"].get("labels") or {}, node.get("status") or {}
        if any(each in labels for each in _EXCLUDED) or not _is_ready(status):
            continue
        zone, cores = labels.get(ZONE), parse((status.get("allocatable") or {}).get("cpu") or "0").nano
        if not zone or not cores:
            return None
        found[zone] = found.get(zone, 0) + cores
    return found or None


def standing(node: Obj | None) -> tuple[object, ...]:
    """Return what of a node the shares depend on, to be compared."""
    if node is None:
        return ()
    labels, status = node["metadata"].get("labels") or {}, node.get("status") or {}
    excluded = any(each in labels for each in _EXCLUDED)
    return labels.get(ZONE), excluded, _is_ready(status), (status.get("allocatable") or {}).get("cpu")


def _is_ready(status: Obj) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or ())


def share_out(endpoints: Sequence[Obj], cpu: Mapping[str, int] | None) -> Verdict:
    """Return the endpoints of one family with hints: their own zone's as far as each zone then has enough, else another's."""
    ready = [each for each in endpoints if (each.get("conditions") or {}).get("ready") is not False]
    bare = [{name: value for name, value in each.items() if name != "hints"} for each in endpoints]
    problem = _problem(ready, cpu)
    if problem or cpu is None:
        return Verdict(bare, problem)
    shares = _shares(cpu, len(ready))
    least = _least(shares)
    if sum(least.values()) > len(ready):
        text = "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold"
        return Verdict(bare, f"{text} ({len(ready)} endpoints, {len(cpu)} zones)")
    if any(not each.get("zone") for each in ready):
        return Verdict(bare, "One or more endpoints do not have a zone specified")
    zones = _moved([each["zone"] for each in ready], shares, least)
    hinted = {id(each): zone for each, zone in zip(ready, zones, strict=True)}
    return Verdict([
        new | ({"hints": {"forZones": [{"name": hinted[id(old)]}]}} if id(old) in hinted else {})
        for old, new in zip(endpoints, bare, strict=True)
    ])  # fmt: skip


def _problem(ready: Sequence[Obj], cpu: Mapping[str, int] | None) -> str:
    if cpu is None:
        return "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
    if len(cpu) < 2:
        return "Nodes only ready in one zone"
    return (
        f"Insufficient number of endpoints ({len(ready)} endpoints, {len(cpu)} zones)" if len(ready) < len(cpu) else ""
    )


def _shares(cpu: Mapping[str, int], count: int) -> dict[str, float]:
    total = sum(cpu.values())
    return {zone: cores / total * count for zone, cores in sorted(cpu.items())}


def _least(shares: Mapping[str, float]) -> dict[str, int]:
    """The fewest endpoints of each zone: a share of 3.6 may be borne by 3 that have 20 % more to do each."""
    return {zone: math.ceil(share / (1 + OVERLOAD)) for zone, share in shares.items()}


def _moved(zones: list[str], shares: Mapping[str, float], least: Mapping[str, int]) -> list[str]:
    """Return the zones that are to use the endpoints, of which the fewest that will do leave their own."""
    held = Counter(zone for zone in zones if zone in shares)

    def neediest() -> str:
        return max(shares, key=lambda zone: (shares[zone] - held[zone], zone))

    for index, zone in enumerate(zones):
        if zone not in shares:  # nobody there would use it: the zone has no node that is ready
            zones[index] = neediest()
            held[zones[index]] += 1
    while lacking := next((zone for zone in least if held[zone] < least[zone]), None):
        richest = max((zone for zone in held if held[zone] > least[zone]), key=lambda z: (held[z] - shares[z], z))
        zones[len(zones) - 1 - zones[::-1].index(richest)] = lacking
        held[richest] -= 1
        held[lacking] += 1
    return zones
