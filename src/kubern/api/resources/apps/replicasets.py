"""ReplicaSet: its facts, defaults, checks and columns."""

from __future__ import annotations

from collections.abc import Mapping

from kubern.api.podspec.defaults import default_pod_template
from kubern.api.resource import SCALE, STATUS, Column, Resource, ScalePaths
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable, not_negative
from kubern.api.rules.values import at, fill, section
from kubern.api.rules.workloads import check_counts, check_replica_template, check_selector, check_within
from kubern.base.errors import Cause
from kubern.base.json import Obj


def default(obj: Obj) -> None:
    """Fill a ReplicaSet: one replica."""
    spec = section(obj, "spec")
    fill(spec, replicas=1)
    default_pod_template(section(spec, "template"))


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a ReplicaSet."""
    spec = obj["spec"]
    causes = not_negative(spec, "replicas", "spec.") + not_negative(spec, "minReadySeconds", "spec.")
    # Upstream's message names the Deployment here too.
    causes += check_selector(spec, "empty selector is invalid for deployment")
    return causes + check_replica_template(spec)


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the selector."""
    return immutable(new["spec"].get("selector"), old["spec"].get("selector"), "spec.selector")


def validate_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with a reported status."""
    status = new.get("status") or {}
    parts = ("fullyLabeledReplicas", "readyReplicas", "availableReplicas")
    causes = check_counts(status, ("replicas", *parts, "terminatingReplicas", "observedGeneration"))
    causes += check_within(status, parts)
    return causes + check_within(
        status, ("availableReplicas",), "readyReplicas", "cannot be greater than readyReplicas"
    )


def fields(obj: Obj) -> Mapping[str, str]:
    """Return the field selector's values."""
    return {"status.replicas": str(at(obj, "status.replicas") or 0)}


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.number("Desired", "spec.replicas", "How many pods are wanted."),
    cells.number("Current", "status.replicas", "How many pods there are."),
    cells.number("Ready", "status.readyReplicas", "How many pods are ready."),
    cells.AGE,
    *cells.containers(),
    cells.selector(),
)

RESOURCE = Resource(
    group="apps",
    version="v1",
    kind="ReplicaSet",
    plural="replicasets",
    singular="replicaset",
    namespaced=True,
    schema="io.k8s.api.apps.v1.ReplicaSet",
    short_names=("rs",),
    categories=("all",),
    subresources=(SCALE, STATUS),
    scale=ScalePaths(),
    generation=True,
    columns=COLUMNS,
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
    fields=fields,
)
