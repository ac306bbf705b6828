"""ReplicationController: the older way to keep a number of equal pods."""

from __future__ import annotations

from kubern.api import field
from kubern.api.podspec.defaults import default_pod_template
from kubern.api.podspec.validation import validate_pod_template
from kubern.api.resource import SCALE, STATUS, Resource, ScalePaths
from kubern.api.rules.cells import AGE, NAME, column, containers, labels_text, number
from kubern.api.rules.checks import not_negative
from kubern.api.rules.values import at, fill
from kubern.base.errors import Cause
from kubern.base.json import Obj


def _default(controller: Obj) -> None:
    spec = controller.setdefault("spec", {})
    fill(spec, replicas=1)
    template = spec.get("template")
    default_pod_template(template)
    labels = ((template or {}).get("metadata") or {}).get("labels")
    if labels:
        if not spec.get("selector"):
            spec["selector"] = dict(labels)
        metadata = controller.setdefault("metadata", {})
        if not metadata.get("labels"):
            metadata["labels"] = dict(labels)


def _prepare_create(controller: Obj) -> None:
    controller["status"] = {"replicas": 0}


def _validate(controller: Obj) -> list[Cause]:
    spec = controller.get("spec") or {}
    causes = not_negative(spec, "minReadySeconds", "spec.") + not_negative(spec, "replicas", "spec.")
    selector, template = spec.get("selector") or {}, spec.get("template")
    if not selector:
        causes.append(field.required("spec.selector"))
    if template is None:
        return [*causes, field.required("spec.template")]
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector and not selector.items() <= labels.items():
        message = "`selector` does not match template `labels`"
        causes.append(field.invalid("spec.template.metadata.labels", labels, message))
    causes += validate_pod_template(template, "spec.template")
    policy = at(template, "spec.restartPolicy")
    if policy != "Always":
        causes.append(field.not_supported("spec.template.spec.restartPolicy", policy or "", ["Always"]))
    if at(template, "spec.activeDeadlineSeconds") is not None:
        message = "activeDeadlineSeconds in ReplicationController is not Supported"
        causes.append(field.forbidden("spec.template.spec.activeDeadlineSeconds", message))
    return causes


def _validate_status(new: Obj, old: Obj) -> list[Cause]:
    status = new.get("status") or {}
    names = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration")
    causes = [cause for name in names for cause in not_negative(status, name, "status.")]
    for name in ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"):
        if (status.get(name) or 0) > (status.get("replicas") or 0):
            causes.append(field.invalid(f"status.{name}", status[name], "cannot be greater than status.replicas"))
    if (status.get("availableReplicas") or 0) > (status.get("readyReplicas") or 0):
        message = "cannot be greater than readyReplicas"
        causes.append(field.invalid("status.availableReplicas", status["availableReplicas"], message))
    return causes


def _fields(controller: Obj) -> dict[str, str]:
    return {"status.replicas": str(at(controller, "status.replicas") or 0)}


RESOURCE = Resource(
    group="",
    version="v1",
    kind="ReplicationController",
    plural="replicationcontrollers",
    singular="replicationcontroller",
    namespaced=True,
    schema="io.k8s.api.core.v1.ReplicationController",
    short_names=("rc",),
    categories=("all",),
    subresources=(
        SCALE,
        STATUS,
    ),
    generation=True,
    scale=ScalePaths(),
    storage_prefix="controllers",
    columns=(
        NAME,
        number("Desired", "spec.replicas", "How many pods there should be."),
        number("Current", "status.replicas", "How many pods there are."),
        number("Ready", "status.readyReplicas", "How many pods are ready."),
        AGE,
        *containers(),
        column("Selector", lambda obj: labels_text(at(obj, "spec.selector")), "The labels of its pods.", wide=True),
    ),
    default=_default,
    prepare_create=_prepare_create,
    validate=_validate,
    validate_status_update=_validate_status,
    fields=_fields,
)
