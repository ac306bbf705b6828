"""HorizontalPodAutoscaler: its facts, defaults, checks and columns."""

from __future__ import annotations

from typing import Any

from kubern.api import field, names
from kubern.api.resource import STATUS, Column, Conversion, OtherVersion, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import named, not_negative, one_of
from kubern.api.rules.hpa_v1 import to_v1, to_v2
from kubern.api.rules.values import at, fill, items, part, section
from kubern.base.errors import Cause
from kubern.base.json import Obj
from kubern.base.quantity import parse

_SOURCES = {
    "ContainerResource": "containerResource", "External": "external", "Object": "object", "Pods": "pods",
    "Resource": "resource",
}  # fmt: skip
_MAX_WINDOW = 3600
_MAX_PERIOD = 1800
_DOWN_POLICIES = ({"type": "Percent", "value": 100, "periodSeconds": 15},)
_UP_POLICIES = ({"type": "Pods", "value": 4, "periodSeconds": 15}, *_DOWN_POLICIES)
_TARGETS = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}


def default(obj: Obj) -> None:
    """Fill an autoscaler: at least one replica, kept at 80 % of the requested CPU."""
    spec = section(obj, "spec")
    fill(spec, minReplicas=1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    behavior = spec.get("behavior")
    if behavior is None:
        return
    up, down = section(behavior, "scaleUp"), section(behavior, "scaleDown")
    fill(up, stabilizationWindowSeconds=0)
    for rules, policies in ((up, _UP_POLICIES), (down, _DOWN_POLICIES)):
        fill(rules, selectPolicy="Max", policies=[dict(policy) for policy in policies])


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with an autoscaler."""
    spec = part(obj, "spec")
    least, most = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    causes = []
    if least is not None and least < 1:
        causes.append(field.invalid("spec.minReplicas", least, "must be greater than or equal to 1"))
    if most < 1:
        causes.append(field.invalid("spec.maxReplicas", most, "must be greater than 0"))
    if least is not None and most < least:
        causes.append(field.invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`"))
    causes += _check_reference(part(spec, "scaleTargetRef"), "spec.scaleTargetRef")
    for i, metric in items(spec, "metrics"):
        causes += _check_metric(metric, f"spec.metrics[{i}]")
    for name in ("scaleUp", "scaleDown"):
        rules = at(spec, f"behavior.{name}")
        if rules is not None:
            causes += _check_behavior(rules, f"spec.behavior.{name}")
    return causes


def validate_create(obj: Obj) -> list[Cause]:
    """Return what only a new autoscaler may not have: references to no API."""
    return _check_versions(obj)


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what a change may not bring: references to no API, where there were none before."""
    now, was = (part(part(obj, "spec"), "scaleTargetRef") for obj in (new, old))
    same = all(now.get(name) == was.get(name) for name in ("apiVersion", "kind"))
    known = {cause.field for cause in _check_versions(old)}
    return [
        cause
        for cause in _check_versions(new)
        if not (same if cause.field.startswith("spec.scaleTargetRef") else any("metrics" in each for each in known))
    ]


def _check_versions(obj: Obj) -> list[Cause]:
    """A scaled object is of a group, or a ReplicationController; a metric's object may be of the core group."""
    spec = part(obj, "spec")
    target = part(spec, "scaleTargetRef")
    causes = _check_version(target, "spec.scaleTargetRef", target.get("kind") == "ReplicationController")
    for i, metric in items(spec, "metrics"):
        described = at(metric, "object.describedObject")
        if metric.get("type") == "Object" and described is not None:
            causes += _check_version(described, f"spec.metrics[{i}].object.describedObject", True)
    return causes


def _check_version(reference: Obj, path: str, core: bool) -> list[Cause]:
    version, here = reference.get("apiVersion") or "", f"{path}.apiVersion"
    if version.count("/") > 1:
        return [field.invalid(here, version, f"unexpected GroupVersion string: {version}")]
    if core or version.partition("/")[1]:
        return []
    return [field.invalid(here, version, "apiVersion must specify API group")]


def validate_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with a reported status."""
    status = part(new, "status")
    return [cause for name in ("currentReplicas", "desiredReplicas") for cause in not_negative(status, name, "status.")]


def _check_reference(reference: Obj, path: str) -> list[Cause]:
    causes = []
    for name in ("kind", "name"):
        if not reference.get(name):
            causes.append(field.required(f"{path}.{name}", ""))
        else:
            causes += named(reference[name], f"{path}.{name}", names.path_segment)
    return causes


def _check_metric(metric: Obj, path: str) -> list[Cause]:
    kind = metric.get("type") or ""
    if not kind:
        return [field.required(f"{path}.type", "must specify a metric source type")]
    if kind not in _SOURCES:
        return [field.not_supported(f"{path}.type", kind, _SOURCES)]
    wanted = _SOURCES[kind]
    causes = []
    for name in _SOURCES.values():
        if name != wanted and metric.get(name) is not None:
            message = "must populate the given metric source only"
            causes.append(field.forbidden(f"{path}.{name}", message))
    source, here = metric.get(wanted), f"{path}.{wanted}"
    if source is None:
        message = "must populate information for the given metric source"
        return [*causes, field.required(here, message)]
    return causes + _check_source(kind, source, here)


def _check_source(kind: str, source: Obj, path: str) -> list[Cause]:
    causes = []
    if kind in ("Resource", "ContainerResource"):
        if not source.get("name"):
            causes.append(field.required(f"{path}.name", "must specify a resource name"))
        if kind == "ContainerResource" and not source.get("container"):
            causes.append(field.required(f"{path}.container", "must specify a container"))
    elif not at(source, "metric.name"):
        causes.append(field.required(f"{path}.metric.name", "must specify a metric name"))
    if kind == "Object":
        causes += _check_reference(part(source, "describedObject"), f"{path}.describedObject")
    target = part(source, "target")
    return causes + _check_target(target, f"{path}.target") + _check_given(kind, target, f"{path}.target")


def _check_given(kind: str, target: Obj, path: str) -> list[Cause]:
    """Return what is wrong with which values a target has: each kind of source takes some, and one at a time."""
    value, average, percent = (target.get(name) is not None for name in ("value", "averageValue", "averageUtilization"))
    if kind == "Pods":
        positive = average and parse(target["averageValue"]) > parse("0")
        message = "must specify a positive target averageValue"
        return [] if positive else [field.required(f"{path}.averageValue", message)]
    if kind in ("Resource", "ContainerResource"):
        if not percent and not average:
            message = "must set either a target raw value or a target utilization"
            return [field.required(f"{path}.averageUtilization", message)]
        both = "may not set both a target raw value and a target utilization"
        return [field.forbidden(f"{path}.averageValue", both)] if percent and average else []
    if not value and not average:
        words = "target value for metric or a per-pod target" if kind == "External" else "target value or averageValue"
        return [field.required(f"{path}.averageValue", f"must set either a {words}")]
    both = "may not set both a target value for metric and a per-pod target"
    return [field.forbidden(f"{path}.value", both)] if kind == "External" and value and average else []


def _check_target(target: Obj, path: str) -> list[Cause]:
    if not target.get("type"):
        return [field.required(f"{path}.type", "must specify a metric target type")]
    causes = one_of(target, "type", f"{path}.", tuple(_TARGETS))
    given = [name for name in _TARGETS.values() if target.get(name) is not None]
    for name in given:
        causes += _check_positive(target[name], name == "averageUtilization", f"{path}.{name}")
    return causes


def _check_positive(value: Any, is_percentage: bool, path: str) -> list[Cause]:
    if is_percentage:
        return [] if value > 0 else [field.invalid(path, value, "must be greater than 0")]
    return [] if parse(value) > parse("0") else [field.invalid(path, value, "must be positive")]


def _check_behavior(rules: Obj, path: str) -> list[Cause]:
    causes, window = [], rules.get("stabilizationWindowSeconds")
    if window is not None and window < 0:
        causes.append(
            field.invalid(f"{path}.stabilizationWindowSeconds", window, "must be greater than or equal to zero")
        )
    if window is not None and window > _MAX_WINDOW:
        message = f"must be less than or equal to {_MAX_WINDOW}"
        causes.append(field.invalid(f"{path}.stabilizationWindowSeconds", window, message))
    tolerance = rules.get("tolerance")
    if tolerance is not None and parse(tolerance) < parse("0"):
        causes.append(field.invalid(f"{path}.tolerance", tolerance, "must be greater than or equal to 0"))
    causes += one_of(rules, "selectPolicy", f"{path}.", ("Disabled", "Max", "Min"), needed=False)
    if not rules.get("policies"):
        causes.append(field.required(f"{path}.policies", "must specify at least one Policy"))
    for i, policy in items(rules, "policies"):
        causes += _check_policy(policy, f"{path}.policies[{i}]")
    return causes


def _check_policy(policy: Obj, path: str) -> list[Cause]:
    causes = one_of(policy, "type", f"{path}.", ("Percent", "Pods"))
    value, period = policy.get("value") or 0, policy.get("periodSeconds") or 0
    for name, number in (("value", value), ("periodSeconds", period)):
        if number <= 0:
            causes.append(field.invalid(f"{path}.{name}", number, "must be greater than zero"))
    if period > _MAX_PERIOD:
        message = f"must be less than or equal to {_MAX_PERIOD}"
        causes.append(field.invalid(f"{path}.periodSeconds", period, message))
    return causes


def _reference(obj: Obj) -> str:
    return f"{at(obj, 'spec.scaleTargetRef.kind')}/{at(obj, 'spec.scaleTargetRef.name')}"


def _targets(obj: Obj) -> str:
    metrics, current = at(obj, "spec.metrics") or [], at(obj, "status.currentMetrics") or []
    shown = [_target(metric, current[i] if i < len(current) else {}) for i, metric in enumerate(metrics)]
    if not shown:
        return cells.NONE
    return ", ".join(shown[:2]) + (f" + {len(shown) - 2} more..." if len(shown) > 2 else "")


def _target(metric: Obj, current: Obj) -> str:
    kind = metric.get("type") or ""
    source = _SOURCES.get(kind)
    if source is None:
        return "<unknown type>"
    wanted, now = part(metric, f"{source}.target"), part(current, f"{source}.current")
    name = f"{at(metric, f'{source}.name')}: " if kind in ("Resource", "ContainerResource") else ""
    if wanted.get("averageUtilization") is not None:
        have = now.get("averageUtilization")
        return f"{name}{cells.UNKNOWN if have is None else f'{have}%'}/{wanted['averageUtilization']}%"
    if wanted.get("averageValue") is not None:
        average = " (avg)" if kind in ("Object", "External") else ""
        return f"{name}{now.get('averageValue') or cells.UNKNOWN}/{wanted['averageValue']}{average}"
    return f"{name}{now.get('value') or cells.UNKNOWN}/{wanted.get('value')}"


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column("Reference", _reference, "What is scaled."),
    cells.column("Targets", _targets, "What is measured, and what it should be."),
    cells.text("MinPods", "spec.minReplicas", "The fewest pods.", missing=cells.UNSET),
    cells.number("MaxPods", "spec.maxReplicas", "The most pods."),
    cells.number("Replicas", "status.currentReplicas", "How many pods there are."),
    cells.AGE,
)


RESOURCE = Resource(
    group="autoscaling",
    version="v2",
    kind="HorizontalPodAutoscaler",
    plural="horizontalpodautoscalers",
    singular="horizontalpodautoscaler",
    namespaced=True,
    schema="io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
    other_versions=(OtherVersion("v1", "io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler", Conversion(to_v2, to_v1)),),
    short_names=("hpa",),
    categories=("all",),
    subresources=(STATUS,),
    columns=COLUMNS,
    default=default,
    validate=validate,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
)
