"""PodDisruptionBudget: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api import field
from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import at_most_all, int_or_percent, not_negative, one_of
from kubern.api.rules.condition_checks import check_conditions
from kubern.api.rules.values import at
from kubern.api.selectors import check_label_selector
from kubern.api.structs import DISRUPTION_BUDGET, struct
from kubern.base.errors import Cause
from kubern.base.json import Obj

_BOTH = "minAvailable and maxUnavailable cannot be both set"
_EVICTION_POLICIES = ("AlwaysAllow", "IfHealthyBudget")
_COUNTS = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a PodDisruptionBudget."""
    spec = obj.get("spec") or {}
    causes = []
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        causes.append(field.invalid("spec", struct(spec, DISRUPTION_BUDGET), _BOTH))
    for name in ("minAvailable", "maxUnavailable"):
        if spec.get(name) is not None:
            path = f"spec.{name}"
            causes += int_or_percent(spec[name], path) + at_most_all(spec[name], path)
    causes += check_label_selector(spec.get("selector"), "spec.selector")
    return causes + one_of(spec, "unhealthyPodEvictionPolicy", "spec.", _EVICTION_POLICIES, needed=False)


def validate_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with a reported status."""
    status = new.get("status") or {}
    causes = check_conditions(status.get("conditions") or [], "status.conditions")
    return causes + [cause for name in _COUNTS for cause in not_negative(status, name, "status.")]


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("Min Available", "spec.minAvailable", "How many pods must stay.", missing="N/A"),
    cells.text("Max Unavailable", "spec.maxUnavailable", "How many pods may be missing.", missing="N/A"),
    cells.column(
        "Allowed Disruptions",
        lambda obj: at(obj, "status.disruptionsAllowed") or 0,
        "How many pods may be evicted now.",
        type="integer",
    ),
    cells.AGE,
)


RESOURCE = Resource(
    group="policy",
    version="v1",
    kind="PodDisruptionBudget",
    plural="poddisruptionbudgets",
    singular="poddisruptionbudget",
    namespaced=True,
    schema="io.k8s.api.policy.v1.PodDisruptionBudget",
    short_names=("pdb",),
    subresources=(STATUS,),
    generation=True,
    columns=COLUMNS,
    validate=validate,
    validate_status_update=validate_status_update,
)
