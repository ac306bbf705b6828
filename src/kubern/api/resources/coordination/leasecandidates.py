"""LeaseCandidate: its facts, checks and columns."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import Column, OtherVersion, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable
from kubern.api.rules.lease_strategies import OLDEST, check_strategy, version
from kubern.base.errors import Cause
from kubern.base.json import Obj

_NO_VERSION = "must be a valid semantic version"


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a LeaseCandidate."""
    spec = obj.get("spec") or {}
    causes = [] if spec.get("leaseName") else [field.required("spec.leaseName")]
    causes += _check_versions(spec)
    strategy = spec.get("strategy") or ""
    if not strategy:
        return [*causes, field.required("spec.strategy")]
    if strategy == OLDEST and not spec.get("emulationVersion"):
        message = f"must be specified when `strategy` is '{OLDEST}'"
        causes.append(field.required("spec.emulationVersion", message))
    return causes + check_strategy(strategy, "spec.strategy")


def _check_versions(spec: Obj) -> list[Cause]:
    emulated, own = spec.get("emulationVersion") or "", spec.get("binaryVersion") or ""
    older, newer = version(emulated), version(own)
    causes: list[Cause] = []
    if emulated and older is None:
        causes.append(field.invalid("spec.emulationVersion", emulated, _NO_VERSION))
    if not own:
        causes.append(field.required("spec.binaryVersion"))
    elif newer is None:
        causes.append(field.invalid("spec.binaryVersion", own, _NO_VERSION))
    if own and older is not None and (newer is None or newer < older):
        message = "must be greater than or equal to `emulationVersion`"
        causes.append(field.invalid("spec.binaryVersion", own, message))
    return causes


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the lease."""
    fresh, stored = new.get("spec") or {}, old.get("spec") or {}
    return immutable(fresh.get("leaseName"), stored.get("leaseName"), "spec.leaseName")


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("LeaseName", "spec.leaseName", "The lease it would hold."),
    cells.text("BinaryVersion", "spec.binaryVersion", "The version of the candidate."),
    cells.text("EmulationVersion", "spec.emulationVersion", "The version that it behaves as."),
    cells.AGE,
)


RESOURCE = Resource(
    group="coordination.k8s.io",
    version="v1beta1",
    kind="LeaseCandidate",
    plural="leasecandidates",
    singular="leasecandidate",
    namespaced=True,
    schema="io.k8s.api.coordination.v1beta1.LeaseCandidate",
    other_versions=(OtherVersion("v1alpha2", "io.k8s.api.coordination.v1alpha2.LeaseCandidate"),),
    columns=COLUMNS,
    validate=validate,
    validate_update=validate_update,
    validate_name=names.config_map_key,
)
