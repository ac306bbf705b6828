"""DaemonSet: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api import field
from kubern.api.podspec.defaults import default_pod_template
from kubern.api.podspec.validation import validate_pod_template
from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import as_number, at_most_all, immutable, int_or_percent, not_negative
from kubern.api.rules.values import at, fill, fill_empty, section
from kubern.api.rules.workloads import (
    check_always_restarted,
    check_counts,
    check_not_decremented,
    check_selected,
    check_selector,
)
from kubern.base.errors import Cause
from kubern.base.json import Obj

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
_COUNTS = (
    "currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady", "observedGeneration",
    "updatedNumberScheduled", "numberAvailable", "numberUnavailable", "collisionCount",
)  # fmt: skip


def default(obj: Obj) -> None:
    """Fill a DaemonSet: pods are replaced one node at a time."""
    spec = section(obj, "spec")
    strategy = section(spec, "updateStrategy")
    fill_empty(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(section(strategy, "rollingUpdate"), maxUnavailable=1, maxSurge=0)
    fill(spec, revisionHistoryLimit=10)
    default_pod_template(section(spec, "template"))


def prepare_create(obj: Obj) -> None:
    """Count the template's generations from one."""
    if _template_generation(obj) < 1:
        _set_template_generation(obj, 1)


def prepare_update(new: Obj, old: Obj) -> None:
    """Count one more generation of the template when it changed."""
    changed = new["spec"].get("template") != old["spec"].get("template")
    _set_template_generation(new, _template_generation(old) + int(changed))


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a DaemonSet."""
    spec = obj["spec"]
    causes = check_selector(spec, "empty selector is invalid for daemonset")
    causes += check_selected(spec)
    causes += validate_pod_template(spec.get("template"), "spec.template")
    causes += check_always_restarted(spec, "DaemonSet")
    causes += not_negative(spec, "minReadySeconds", "spec.")
    causes += _check_strategy(spec.get("updateStrategy") or {}, "spec.updateStrategy")
    return causes + not_negative(spec, "revisionHistoryLimit", "spec.")


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the selector."""
    return immutable(new["spec"].get("selector"), old["spec"].get("selector"), "spec.selector")


def validate_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with a reported status."""
    return check_counts(new.get("status") or {}, _COUNTS) + check_not_decremented(new, old)


def _check_strategy(strategy: Obj, path: str) -> list[Cause]:
    kind, rolling = strategy.get("type") or "", strategy.get("rollingUpdate")
    if kind == "OnDelete":
        return []
    if kind != "RollingUpdate":
        return [field.not_supported(f"{path}.type", kind, ["RollingUpdate", "OnDelete"])]
    if rolling is None:
        return [field.required(f"{path}.rollingUpdate", "")]
    return _check_rolling(rolling, f"{path}.rollingUpdate")


def _check_rolling(rolling: Obj, path: str) -> list[Cause]:
    unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    causes = []
    for name, value in (("maxUnavailable", unavailable), ("maxSurge", surge)):
        causes += int_or_percent(value, f"{path}.{name}") + at_most_all(value, f"{path}.{name}")
    if as_number(unavailable) and as_number(surge):
        causes.append(field.invalid(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero"))
    elif not as_number(unavailable) and not as_number(surge):
        causes.append(field.required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    return causes


def _template_generation(obj: Obj) -> int:
    written = (obj["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "")
    return int(written) if written.isdecimal() else 0


def _set_template_generation(obj: Obj, number: int) -> None:
    section(obj["metadata"], "annotations")[TEMPLATE_GENERATION] = str(number)


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.number("Desired", "status.desiredNumberScheduled", "How many nodes should run it."),
    cells.number("Current", "status.currentNumberScheduled", "How many of those have a pod."),
    cells.number("Ready", "status.numberReady", "How many of those have a ready pod."),
    cells.number("Up-to-date", "status.updatedNumberScheduled", "How many pods have the newest template."),
    cells.number("Available", "status.numberAvailable", "How many pods have been ready for minReadySeconds."),
    cells.column(
        "Node Selector",
        lambda obj: cells.labels_text(at(obj, "spec.template.spec.nodeSelector")),
        "The labels of the nodes that run it.",
    ),
    cells.AGE,
    *cells.containers(),
    cells.selector(),
)

RESOURCE = Resource(
    group="apps",
    version="v1",
    kind="DaemonSet",
    plural="daemonsets",
    singular="daemonset",
    namespaced=True,
    schema="io.k8s.api.apps.v1.DaemonSet",
    short_names=("ds",),
    categories=("all",),
    subresources=(STATUS,),
    generation=True,
    columns=COLUMNS,
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
)
