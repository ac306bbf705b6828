"""Deployment: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api import field
from kubern.api.podspec.defaults import default_pod_template
from kubern.api.resource import SCALE, STATUS, Column, Resource, ScalePaths
from kubern.api.rules import cells
from kubern.api.rules.checks import as_number, at_most_all, immutable, int_or_percent, not_negative
from kubern.api.rules.values import at, fill, fill_empty, section
from kubern.api.rules.workloads import (
    check_counts,
    check_not_decremented,
    check_replica_template,
    check_selector,
    check_within,
)
from kubern.base.errors import Cause
from kubern.base.json import Obj

_COUNTS = (
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
    "terminatingReplicas",
)


def default(obj: Obj) -> None:
    """Fill a Deployment: one replica, rolled over a quarter at a time."""
    spec = section(obj, "spec")
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = section(spec, "strategy")
    fill_empty(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(section(strategy, "rollingUpdate"), maxUnavailable="25%", maxSurge="25%")
    default_pod_template(section(spec, "template"))


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a Deployment."""
    spec = obj["spec"]
    causes = not_negative(spec, "replicas", "spec.")
    causes += check_selector(spec, "empty selector is invalid for deployment")
    causes += check_replica_template(spec)
    causes += _check_strategy(spec.get("strategy") or {}, "spec.strategy")
    causes += not_negative(spec, "minReadySeconds", "spec.")
    causes += not_negative(spec, "revisionHistoryLimit", "spec.")
    return causes + _check_deadline(spec)


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the selector."""
    return immutable(new["spec"].get("selector"), old["spec"].get("selector"), "spec.selector")


def validate_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with a reported status."""
    status = new.get("status") or {}
    causes = check_counts(status, ("observedGeneration", *_COUNTS, "collisionCount"))
    causes += check_within(status, ("updatedReplicas", "readyReplicas", "availableReplicas"))
    causes += check_within(status, ("availableReplicas",), "readyReplicas", "cannot be greater than readyReplicas")
    return causes + check_not_decremented(new, old)


def _check_strategy(strategy: Obj, path: str) -> list[Cause]:
    rolling, kind = strategy.get("rollingUpdate"), strategy.get("type") or ""
    if kind == "Recreate":
        message = "may not be specified when strategy `type` is 'Recreate'"
        return [field.forbidden(f"{path}.rollingUpdate", message)] if rolling is not None else []
    if kind != "RollingUpdate":
        return [field.not_supported(f"{path}.type", kind, ["Recreate", "RollingUpdate"])]
    if rolling is None:
        return [field.required(f"{path}.rollingUpdate", "this should be defaulted and never be nil")]
    return _check_rolling(rolling.get("maxUnavailable"), rolling.get("maxSurge"), f"{path}.rollingUpdate")


def _check_rolling(unavailable: str | int, surge: str | int, path: str) -> list[Cause]:
    causes = int_or_percent(unavailable, f"{path}.maxUnavailable") + int_or_percent(surge, f"{path}.maxSurge")
    if as_number(unavailable) == 0 and as_number(surge) == 0:
        causes.append(field.invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0"))
    return causes + at_most_all(unavailable, f"{path}.maxUnavailable")


def _check_deadline(spec: Obj) -> list[Cause]:
    deadline = spec.get("progressDeadlineSeconds")
    causes = not_negative(spec, "progressDeadlineSeconds", "spec.")
    if deadline is not None and deadline <= (spec.get("minReadySeconds") or 0):
        causes.append(field.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"))
    return causes


def _ready(obj: Obj) -> str:
    return f"{at(obj, 'status.readyReplicas') or 0}/{at(obj, 'spec.replicas') or 0}"


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column("Ready", _ready, "How many pods are ready, of how many wanted."),
    cells.number("Up-to-date", "status.updatedReplicas", "How many pods have the newest template."),
    cells.number("Available", "status.availableReplicas", "How many pods have been ready for minReadySeconds."),
    cells.AGE,
    *cells.containers(),
    cells.selector(),
)

RESOURCE = Resource(
    group="apps",
    version="v1",
    kind="Deployment",
    plural="deployments",
    singular="deployment",
    namespaced=True,
    schema="io.k8s.api.apps.v1.Deployment",
    short_names=("deploy",),
    categories=("all",),
    subresources=(SCALE, STATUS),
    scale=ScalePaths(),
    generation=True,
    columns=COLUMNS,
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
)
