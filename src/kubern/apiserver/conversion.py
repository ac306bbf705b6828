"""Between the served versions of one stored resource. Objects of built-in resources differ between versions in two places only:
the Event's two groups and autoscaling's v1.

Used by the forms (stored → served) and the verbs (served → stored). What always holds: converting there and back loses
nothing that the other version can hold.
"""

from __future__ import annotations

from collections.abc import Callable

from kubern.api.resource import Resource
from kubern.base.json import Obj

Convert = Callable[[Obj], Obj]


def same(obj: Obj) -> Obj:
    """Convert nothing."""
    return obj


def converter(source: Resource, target: Resource) -> Convert:
    """Return the function that turns objects of one served version into another's."""
    if source.api_version == target.api_version:
        return same
    return _KNOWN.get((source.api_version, target.api_version, target.kind), _rename(target.api_version))


def _rename(api_version: str) -> Convert:
    """Return the conversion between versions with equal fields."""
    return lambda obj: obj | {"apiVersion": api_version}


_EVENT_FIELDS = (
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
)


def event_to_new(obj: Obj) -> Obj:
    """Return a core Event as an events.k8s.io one."""
    names = dict(_EVENT_FIELDS)
    return {names.get(key, key): value for key, value in obj.items()} | {"apiVersion": "events.k8s.io/v1"}


def event_to_core(obj: Obj) -> Obj:
    """Return an events.k8s.io Event as a core one."""
    names = {new: old for old, new in _EVENT_FIELDS}
    return {names.get(key, key): value for key, value in obj.items()} | {"apiVersion": "v1"}


def autoscaler_to_v1(obj: Obj) -> Obj:
    """Return an autoscaling/v2 HorizontalPodAutoscaler as v1: of the metrics, the CPU utilization is all that v1 has a field for."""
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    for metric in spec.pop("metrics", None) or ():
        target = _cpu(metric, "target")
        if target is not None:
            spec["targetCPUUtilizationPercentage"] = target
    for metric in status.pop("currentMetrics", None) or ():
        current = _cpu(metric, "current")
        if current is not None:
            status["currentCPUUtilizationPercentage"] = current
    spec.pop("behavior", None)
    status.pop("conditions", None)
    return obj | {"apiVersion": "autoscaling/v1", "spec": spec} | ({"status": status} if "status" in obj else {})


def autoscaler_to_v2(obj: Obj) -> Obj:
    """Return an autoscaling/v1 HorizontalPodAutoscaler as v2."""
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    target = spec.pop("targetCPUUtilizationPercentage", None)
    if target is not None:
        goal = {"type": "Utilization", "averageUtilization": target}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": goal}}]
    current = status.pop("currentCPUUtilizationPercentage", None)
    if current is not None:
        value = {"averageUtilization": current}
        status["currentMetrics"] = [{"type": "Resource", "resource": {"name": "cpu", "current": value}}]
    return obj | {"apiVersion": "autoscaling/v2", "spec": spec} | ({"status": status} if "status" in obj else {})


def _cpu(metric: Obj, side: str) -> int | None:
    """Return the CPU utilization of a resource metric, or None for any other metric."""
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    value: int | None = (resource.get(side) or {}).get("averageUtilization")
    return value


_KNOWN: dict[tuple[str, str, str], Convert] = {
    ("v1", "events.k8s.io/v1", "Event"): event_to_new,
    ("events.k8s.io/v1", "v1", "Event"): event_to_core,
    ("autoscaling/v2", "autoscaling/v1", "HorizontalPodAutoscaler"): autoscaler_to_v1,
    ("autoscaling/v1", "autoscaling/v2", "HorizontalPodAutoscaler"): autoscaler_to_v2,
}
