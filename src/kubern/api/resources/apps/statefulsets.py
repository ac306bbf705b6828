"""StatefulSet: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.podspec.defaults import default_pod_template
from kubern.api.podspec.validation import validate_pod_template
from kubern.api.resource import SCALE, STATUS, Column, Resource, ScalePaths
from kubern.api.rules import cells
from kubern.api.rules.checks import as_number, at_most_all, int_or_percent, named, not_negative, one_of
from kubern.api.rules.values import at, fill, fill_empty, section
from kubern.api.rules.workloads import (
    check_counts,
    check_not_decremented,
    check_selected,
    check_selector,
    check_within,
)
from kubern.api.structs import ROLLING_STATEFUL_SET, STATEFUL_SET_STRATEGY, struct
from kubern.base.errors import Cause
from kubern.base.json import Obj

MUTABLE = (
    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
)  # fmt: skip
_UPDATE = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_COUNTS = ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")


def default(obj: Obj) -> None:
    """Fill a StatefulSet: one replica, pods made and replaced in order, claims kept."""
    spec = section(obj, "spec")
    fill_empty(spec, podManagementPolicy="OrderedReady")
    strategy = section(spec, "updateStrategy")
    fill_empty(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(section(strategy, "rollingUpdate"), partition=0, maxUnavailable=1)
    fill_empty(section(spec, "persistentVolumeClaimRetentionPolicy"), whenDeleted="Retain", whenScaled="Retain")
    fill(spec, replicas=1, revisionHistoryLimit=10)
    default_pod_template(section(spec, "template"))
    for claim in spec.get("volumeClaimTemplates") or ():
        _default_claim(claim)


def _default_claim(claim: Obj) -> None:
    """Fill a claim template as upstream shows it: a whole PersistentVolumeClaim that waits to be bound."""
    claim.update(apiVersion="v1", kind="PersistentVolumeClaim")
    fill(section(claim, "spec"), volumeMode="Filesystem")
    fill_empty(section(claim, "status"), phase="Pending")


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a StatefulSet."""
    spec = obj["spec"]
    causes = _check_management(spec)
    causes += _check_strategy(spec.get("updateStrategy") or {}, "spec.updateStrategy")
    causes += _check_retention(spec.get("persistentVolumeClaimRetentionPolicy") or {})
    causes += not_negative(spec, "replicas", "spec.") + not_negative(spec, "minReadySeconds", "spec.")
    causes += not_negative(spec.get("ordinals") or {}, "start", "spec.ordinals.")
    causes += not_negative(spec, "revisionHistoryLimit", "spec.")
    causes += check_selector(spec, "empty selector is invalid for statefulset")
    causes += check_selected(spec)
    causes += validate_pod_template(_with_claims(spec), "spec.template")
    return causes + _check_pods(at(spec, "template.spec") or {}, "spec.template.spec")


def validate_create(obj: Obj) -> list[Cause]:
    """Return what only a new StatefulSet may not have: a Service by a name that is no label, as stored ones may."""
    service = obj["spec"].get("serviceName")
    return named(service, "spec.serviceName", names.dns1123_label) if service else []


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: everything but a few fields of the specification."""
    if _fixed(new["spec"]) == _fixed(old["spec"]):
        return []
    return [field.forbidden("spec", _UPDATE)]


def validate_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with a reported status."""
    status = new.get("status") or {}
    causes = check_counts(status, (*_COUNTS, "observedGeneration", "collisionCount"))
    causes += check_within(status, _COUNTS[1:])
    causes += check_within(
        status, ("availableReplicas",), "readyReplicas", "cannot be greater than status.readyReplicas"
    )
    return causes + check_not_decremented(new, old)


def _fixed(spec: Obj) -> Obj:
    return {name: value for name, value in spec.items() if name not in MUTABLE}


def _check_management(spec: Obj) -> list[Cause]:
    policy, path = spec.get("podManagementPolicy") or "", "spec.podManagementPolicy"
    if not policy:
        return [field.required(path, "")]
    if policy in ("OrderedReady", "Parallel"):
        return []
    return [field.invalid(path, policy, "must be 'OrderedReady' or 'Parallel'")]


def _check_strategy(strategy: Obj, path: str) -> list[Cause]:
    kind, rolling = strategy.get("type") or "", strategy.get("rollingUpdate")
    if not kind:
        return [field.required(path, "")]
    if kind == "OnDelete":
        message = "only allowed for updateStrategy 'RollingUpdate'"
        shown = struct(rolling, ROLLING_STATEFUL_SET)
        return [field.invalid(f"{path}.rollingUpdate", shown, message)] if rolling is not None else []
    if kind != "RollingUpdate":
        return [field.invalid(path, struct(strategy, STATEFUL_SET_STRATEGY), "must be 'RollingUpdate' or 'OnDelete'")]
    return _check_rolling(rolling or {}, f"{path}.rollingUpdate")


def _check_rolling(rolling: Obj, path: str) -> list[Cause]:
    causes = not_negative(rolling, "partition", f"{path}.")
    unavailable, here = rolling.get("maxUnavailable"), f"{path}.maxUnavailable"
    if unavailable is None:
        return causes
    causes += int_or_percent(unavailable, here)
    if as_number(unavailable) == 0:
        causes.append(field.invalid(here, unavailable, "cannot be 0"))
    return causes + at_most_all(unavailable, here)


def _check_retention(policy: Obj) -> list[Cause]:
    path = "spec.persistentVolumeClaimRetentionPolicy."
    return one_of(policy, "whenDeleted", path, ("Retain", "Delete")) + one_of(
        policy, "whenScaled", path, ("Retain", "Delete")
    )


def _with_claims(spec: Obj) -> Obj:
    """Return the template with a volume for each claim template, which its containers may mount."""
    template = spec.get("template") or {}
    pod = template.get("spec") or {}
    claims = [c.get("metadata", {}).get("name") or "" for c in spec.get("volumeClaimTemplates") or ()]
    volumes = [v for v in pod.get("volumes") or () if v.get("name") not in claims]
    volumes += [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    return {**template, "spec": {**pod, "volumes": volumes}} if claims else template


def _check_pods(pod: Obj, path: str) -> list[Cause]:
    causes = []
    if pod.get("restartPolicy") != "Always":
        causes.append(field.not_supported(f"{path}.restartPolicy", pod.get("restartPolicy") or "", ["Always"]))
    deadline = pod.get("activeDeadlineSeconds")
    if deadline is not None:
        message = "activeDeadlineSeconds in StatefulSet is not Supported"
        causes.append(field.forbidden(f"{path}.activeDeadlineSeconds", message))
    return causes


def _ready(obj: Obj) -> str:
    return f"{at(obj, 'status.readyReplicas') or 0}/{at(obj, 'spec.replicas') or 0}"


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column("Ready", _ready, "How many pods are ready, of how many wanted."),
    cells.AGE,
    *cells.containers(),
)

RESOURCE = Resource(
    group="apps",
    version="v1",
    kind="StatefulSet",
    plural="statefulsets",
    singular="statefulset",
    namespaced=True,
    schema="io.k8s.api.apps.v1.StatefulSet",
    short_names=("sts",),
    categories=("all",),
    subresources=(SCALE, STATUS),
    scale=ScalePaths(),
    generation=True,
    columns=COLUMNS,
    default=default,
    validate=validate,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
    validate_name=names.dns1123_label,
)
