"""Lease: its facts, checks and columns."""

from __future__ import annotations

from kubern.api import field
from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import not_negative
from kubern.api.rules.lease_strategies import check_strategy
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a Lease."""
    spec, causes = obj.get("spec") or {}, []
    seconds = spec.get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        causes.append(field.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    causes += not_negative(spec, "leaseTransitions", "spec.")
    if spec.get("strategy") is not None:
        causes += check_strategy(spec["strategy"], "spec.strategy")
    if spec.get("preferredHolder") and not spec.get("strategy"):
        message = "may only be specified if `strategy` is defined"
        causes.append(field.forbidden("spec.preferredHolder", message))
    return causes


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("Holder", "spec.holderIdentity", "Who holds it."),
    cells.AGE,
)


RESOURCE = Resource(
    group="coordination.k8s.io",
    version="v1",
    kind="Lease",
    plural="leases",
    singular="lease",
    namespaced=True,
    schema="io.k8s.api.coordination.v1.Lease",
    columns=COLUMNS,
    validate=validate,
)
