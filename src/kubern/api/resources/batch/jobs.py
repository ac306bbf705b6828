"""Job: its facts, defaults, checks and columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from kubern.api import field, names
from kubern.api.columns import ago
from kubern.api.podspec.defaults import default_pod_template
from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable_fields
from kubern.api.rules.job_status import check_job_status
from kubern.api.rules.jobs import check_job_spec
from kubern.api.rules.values import at, fill, part, section
from kubern.api.rules.workloads import check_selected, template_labels
from kubern.api.selectors import check_label_selector, selects
from kubern.base.errors import Cause
from kubern.base.json import Obj

UID_LABEL = "batch.kubernetes.io/controller-uid"
NAME_LABEL = "batch.kubernetes.io/job-name"
OLD_UID_LABEL = "controller-uid"
OLD_NAME_LABEL = "job-name"
_MAX_INT32 = 2147483647
_FIXED = ("selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy")
_SCHEDULING = ("nodeSelector", "tolerations", "schedulingGates")
"""What may be changed in the template's pod while a job is suspended that never ran; node affinity and metadata besides."""


def default(obj: Obj) -> None:
    """Fill a Job: one pod to completion, tried again six times."""
    spec = section(obj, "spec")
    if spec.get("parallelism") is None and spec.get("completions") is None:
        spec["completions"] = 1
    per_index = spec.get("backoffLimitPerIndex") is not None
    fill(spec, parallelism=1, backoffLimit=_MAX_INT32 if per_index else 6)
    fill(spec, completionMode="NonIndexed", suspend=False, manualSelector=False)
    policy = spec.get("podFailurePolicy")
    fill(spec, podReplacementPolicy="TerminatingOrFailed" if policy is None else "Failed")
    for rule in (policy or {}).get("rules") or ():
        for condition in rule.get("onPodConditions") or ():
            condition["status"] = condition.get("status") or "True"
    default_pod_template(section(spec, "template"))
    if not obj["metadata"].get("labels") and template_labels(spec):
        obj["metadata"]["labels"] = dict(template_labels(spec))


def prepare_create(obj: Obj) -> None:
    """Make up the selector and the pods' labels from the job's uid and name, unless they are chosen by hand."""
    spec = obj["spec"]
    if spec.get("manualSelector"):
        return
    expected, metadata = _generated(obj), obj["metadata"]
    labels = section(section(section(spec, "template"), "metadata"), "labels")
    inherited = (metadata.get("labels") or {}) in ({}, labels)
    for name, value in expected.items():
        labels.setdefault(name, value)
    if inherited:  # a job that brings no labels has its template's, the made up ones included
        metadata["labels"] = dict(labels)
    section(section(spec, "selector"), "matchLabels").setdefault(UID_LABEL, expected[UID_LABEL])


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a Job."""
    spec = obj["spec"]
    causes = _check_generated(obj) + check_job_spec(spec, "spec")
    if spec.get("selector") is None:
        causes.append(field.required("spec.selector", ""))
    else:
        causes += check_label_selector(spec["selector"], "spec.selector") + check_selected(spec)
    return causes + _check_host_name(obj)


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: nearly everything but parallelism, suspension, deadlines and limits."""
    spec, before = new["spec"], old["spec"]
    causes = _check_completions(spec, before)
    causes += immutable_fields(spec, before, "spec.", _FIXED)
    return causes + _check_template(new, old)


def validate_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with a reported status."""
    return check_job_status(new, old)


def fields(obj: Obj) -> Mapping[str, str]:
    """Return the field selector's values."""
    return {"status.successful": str(at(obj, "status.succeeded") or 0)}


def _generated(obj: Obj) -> dict[str, str]:
    uid, name = obj["metadata"].get("uid") or "", obj["metadata"].get("name") or ""
    return {OLD_UID_LABEL: uid, OLD_NAME_LABEL: name, UID_LABEL: uid, NAME_LABEL: name}


def _check_generated(obj: Obj) -> list[Cause]:
    spec = obj["spec"]
    if spec.get("manualSelector") or spec.get("selector") is None:
        return []
    causes = [] if obj["metadata"].get("uid") else [field.required("metadata.uid", "")]
    expected, labels = _generated(obj), template_labels(spec)
    for name, value in expected.items():
        path = f"spec.template.metadata.labels[{name}]"
        if name not in labels:
            causes.append(field.required(path, f"must be '{value}'"))
        elif labels[name] != value:
            causes.append(field.invalid(path, labels, f"must be '{value}'"))
    if not check_label_selector(spec["selector"], "") and not selects(spec["selector"], expected):
        causes.append(field.invalid("spec.selector", spec["selector"], "`selector` not auto-generated"))
    return causes


def _check_host_name(obj: Obj) -> list[Cause]:
    """An indexed job's pods are named after it and their index, which must be a host name."""
    spec, name = obj["spec"], obj["metadata"].get("name") or ""
    if spec.get("completionMode") != "Indexed" or not spec.get("completions"):
        return []
    longest = f"{name}-{spec['completions'] - 1}"
    if not names.dns1123_label(longest):
        return []
    return [field.invalid("metadata.name", name, f"will not able to create pod with invalid DNS label: {longest}")]


def _check_completions(spec: Obj, before: Obj) -> list[Cause]:
    now, was = spec.get("completions"), before.get("completions")
    if now == was:
        return []
    if spec.get("completionMode") != "Indexed" or now is None or was is None:
        return immutable_fields(spec, before, "spec.", ("completions",))
    if now != spec.get("parallelism"):
        return [field.invalid("spec.completions", now, "can only be modified in tandem with spec.parallelism")]
    return []


def _check_template(new: Obj, old: Obj) -> list[Cause]:
    now, was = part(new, "spec.template"), part(old, "spec.template")
    if part(old, "spec").get("suspend") and at(old, "status.startTime") is None:
        now, was = _unscheduled(now), _unscheduled(was)
    return immutable_fields({"template": now}, {"template": was}, "spec.", ("template",))


def _unscheduled(template: Obj) -> Obj:
    """Return a template without what says where its pods run."""
    pod = {name: value for name, value in part(template, "spec").items() if name not in _SCHEDULING}
    affinity = {name: value for name, value in (pod.pop("affinity", None) or {}).items() if name != "nodeAffinity"}
    return {"spec": {**pod, "affinity": affinity}}


def _condition(obj: Obj, kind: str) -> bool:
    return any(c.get("type") == kind and c.get("status") == "True" for c in at(obj, "status.conditions") or ())


def _state(obj: Obj) -> str:
    for kind in ("Complete", "Failed"):
        if _condition(obj, kind):
            return kind
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if _condition(obj, kind):
            return kind
    return "Running"


def _completions(obj: Obj) -> str:
    done, wanted = at(obj, "status.succeeded") or 0, at(obj, "spec.completions")
    if wanted is not None:
        return f"{done}/{wanted}"
    parallelism = at(obj, "spec.parallelism") or 0
    return f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"


def _duration(obj: Obj, now: datetime) -> str:
    start, end = at(obj, "status.startTime"), at(obj, "status.completionTime")
    if not start:
        return ""
    return ago(start, datetime.fromisoformat(end) if end else now)


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column("Status", _state, "The job's state in a word."),
    cells.column("Completions", _completions, "How many pods have succeeded, of how many wanted."),
    Column("Duration", _duration, description="How long it has run, or ran."),
    cells.AGE,
    *cells.containers(),
    cells.selector(),
)

RESOURCE = Resource(
    group="batch",
    version="v1",
    kind="Job",
    plural="jobs",
    singular="job",
    namespaced=True,
    schema="io.k8s.api.batch.v1.Job",
    categories=("all",),
    subresources=(STATUS,),
    generation=True,
    columns=COLUMNS,
    default=default,
    prepare_create=prepare_create,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
    fields=fields,
)
