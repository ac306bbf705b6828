"""autoscaling/v1 of the HorizontalPodAutoscaler and its stored form, autoscaling/v2: what v1 has no field for travels in annotations.

Called by the resource's conversion. What always holds: v2 → v1 → v2 gives the same object back. Both functions work in place.
"""

from __future__ import annotations

import orjson

from kubern.api.rules.values import at, part, section
from kubern.base.json import Obj

METRICS = "autoscaling.alpha.kubernetes.io/metrics"
CURRENT_METRICS = "autoscaling.alpha.kubernetes.io/current-metrics"
CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
_KINDS = {
    "Object": "object", "Pods": "pods", "Resource": "resource", "ContainerResource": "containerResource",
    "External": "external",
}  # fmt: skip


def to_v2(obj: Obj) -> None:
    """Turn an autoscaling/v1 object into autoscaling/v2."""
    spec = section(obj, "spec")
    annotations = part(obj, "metadata").get("annotations") or {}
    metrics = [_metric_to_v2(m, "target") for m in _loads(annotations.pop(METRICS, ""))]
    percent = spec.pop("targetCPUUtilizationPercentage", None)
    if percent is not None:
        metrics.insert(0, _cpu("target", {"type": "Utilization", "averageUtilization": percent}))
    if metrics:
        spec["metrics"] = metrics
    behavior = _capitalless(_load(annotations.pop(BEHAVIOR, "")))
    if isinstance(behavior, dict) and behavior:
        spec["behavior"] = behavior
    _status_to_v2(obj, annotations)
    if not annotations:
        part(obj, "metadata").pop("annotations", None)


def to_v1(obj: Obj) -> None:
    """Turn an autoscaling/v2 object into autoscaling/v1."""
    spec, kept = section(obj, "spec"), []
    for metric in spec.pop("metrics", None) or ():
        percent = at(metric, "resource.target.averageUtilization")
        if _is_cpu(metric) and percent is not None and "targetCPUUtilizationPercentage" not in spec:
            spec["targetCPUUtilizationPercentage"] = percent
        else:
            kept.append(_metric_to_v1(metric, "target"))
    _annotate(obj, METRICS, kept)
    _annotate(obj, BEHAVIOR, spec.pop("behavior", None))
    _status_to_v1(obj)


def _status_to_v2(obj: Obj, annotations: dict[str, str]) -> None:
    current = [_metric_to_v2(m, "current") for m in _loads(annotations.pop(CURRENT_METRICS, ""))]
    conditions = _loads(annotations.pop(CONDITIONS, ""))
    status = obj.get("status")
    percent = (status or {}).get("currentCPUUtilizationPercentage")
    if percent is not None and status is not None:
        del status["currentCPUUtilizationPercentage"]
        current.insert(0, _cpu("current", {"averageUtilization": percent}))
    if current:
        section(obj, "status")["currentMetrics"] = current
    if conditions:
        section(obj, "status")["conditions"] = conditions


def _status_to_v1(obj: Obj) -> None:
    status = obj.get("status")
    if not status:
        return
    kept = []
    for metric in status.pop("currentMetrics", None) or ():
        percent = at(metric, "resource.current.averageUtilization")
        value = at(metric, "resource.current.averageValue")
        if _is_cpu(metric) and percent is not None:
            status["currentCPUUtilizationPercentage"] = percent
        if not _is_cpu(metric) or percent is None or value is not None:
            kept.append(_metric_to_v1(metric, "current"))
    _annotate(obj, CURRENT_METRICS, kept)
    _annotate(obj, CONDITIONS, status.pop("conditions", None))


def _is_cpu(metric: Obj) -> bool:
    return metric.get("type") == "Resource" and at(metric, "resource.name") == "cpu"


def _cpu(side: str, value: Obj) -> Obj:
    return {"type": "Resource", "resource": {"name": "cpu", side: value}}


def _annotate(obj: Obj, name: str, value: object) -> None:
    if value:
        section(obj["metadata"], "annotations")[name] = orjson.dumps(value).decode()


def _load(text: str) -> object:
    """Return what an annotation holds, None for a broken one."""
    try:
        return orjson.loads(text or "null")
    except orjson.JSONDecodeError:
        return None


def _loads(text: str) -> list[Obj]:
    """Return what an annotation holds; a broken one holds nothing, as upstream drops it."""
    found = _load(text)
    return found if isinstance(found, list) and all(map(_sound, found)) else []


def _sound(item: object) -> bool:
    """Whether an annotation's metric or condition has the shape that the conversion reads."""
    if not isinstance(item, dict) or not isinstance(item.get("type") or "", str):
        return False
    return all(isinstance(item.get(name) or {}, dict) for name in _KINDS.values())


def _capitalless(behavior: object) -> object:
    """Return the behaviour with v2's names: older writers began them with capitals."""
    if isinstance(behavior, dict):
        return {name[:1].lower() + name[1:]: _capitalless(value) for name, value in behavior.items()}
    return [_capitalless(value) for value in behavior] if isinstance(behavior, list) else behavior


def _metric_to_v1(metric: Obj, side: str) -> Obj:
    """Flatten a v2 metric: `target`/`current` become fields named after them."""
    kind = metric.get("type") or ""
    name = _KINDS.get(kind, "")
    source = part(metric, name) if name else {}
    return {"type": kind, name: _flatten(kind, source, side)}


def _flatten(kind: str, source: Obj, side: str) -> Obj:
    value: Obj = part(source, side)
    flat: Obj = {}
    if kind in ("Resource", "ContainerResource"):
        flat = {key: source[key] for key in ("name", "container") if key in source}
        flat[f"{side}AverageUtilization"] = value.get("averageUtilization")
        flat[f"{side}AverageValue"] = value.get("averageValue")
    elif kind == "Object":
        flat = {"target": source.get("describedObject"), "averageValue": value.get("averageValue")}
        flat[f"{side}Value"] = value.get("value")
    else:
        flat = {f"{side}AverageValue": value.get("averageValue")}
        if kind == "External":
            flat[f"{side}Value"] = value.get("value")
    selector = "metricSelector" if kind == "External" else "selector"
    flat |= {"metricName": at(source, "metric.name"), selector: at(source, "metric.selector")}
    return {key: item for key, item in flat.items() if item is not None}


def _metric_to_v2(metric: Obj, side: str) -> Obj:
    """Undo `_metric_to_v1`."""
    kind = metric.get("type") or ""
    name = _KINDS.get(kind, "")
    flat = part(metric, name) if name else {}
    value = _value(kind, flat, side)
    if side == "target":
        value = {"type": _target_type(value), **value}
    source: Obj = {side: value}
    if kind in ("Resource", "ContainerResource"):
        source |= {key: flat[key] for key in ("name", "container") if key in flat}
    else:
        selector = flat.get("metricSelector" if kind == "External" else "selector")
        source["metric"] = {"name": flat.get("metricName") or ""} | ({"selector": selector} if selector else {})
    if kind == "Object":
        source["describedObject"] = flat.get("target")
    return {"type": kind, name: source}


def _value(kind: str, flat: Obj, side: str) -> Obj:
    average = flat.get("averageValue" if kind == "Object" else f"{side}AverageValue")
    value = {
        "value": flat.get(f"{side}Value"),
        "averageValue": average,
        "averageUtilization": flat.get(f"{side}AverageUtilization"),
    }
    return {key: item for key, item in value.items() if item is not None}


def _target_type(value: Obj) -> str:
    if "averageUtilization" in value:
        return "Utilization"
    return "AverageValue" if "averageValue" in value else "Value"
