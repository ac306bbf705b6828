"""Checks shared by the kinds that stamp pods out of a template and find them by a label selector."""

from __future__ import annotations

from kubern.api import field
from kubern.api.podspec.validation import validate_pod_template
from kubern.api.rules.checks import not_negative
from kubern.api.selectors import check_label_selector, selects
from kubern.base.errors import Cause
from kubern.base.json import Obj

NO_MATCH = "`selector` does not match template `labels`"
TOO_MANY = "cannot be greater than status.replicas"


def check_selector(spec: Obj, empty: str, path: str = "spec.selector") -> list[Cause]:
    """Check a workload's selector: given, well formed and not empty (`empty` is the message for that)."""
    selector = spec.get("selector")
    if selector is None:
        return [field.required(path, "")]
    causes = check_label_selector(selector, path)
    if is_empty(selector):
        causes.append(field.invalid(path, selector, empty))
    return causes


def is_empty(selector: Obj) -> bool:
    """Whether a label selector selects everything."""
    return not selector.get("matchLabels") and not selector.get("matchExpressions")


def check_selected(spec: Obj, path: str = "spec") -> list[Cause]:
    """Check that the selector, where it is well formed, selects the template's labels."""
    selector, labels = spec.get("selector"), template_labels(spec)
    if not selector or is_empty(selector) or check_label_selector(selector, ""):
        return []
    if selects(selector, labels):
        return []
    return [field.invalid(f"{path}.template.metadata.labels", labels, NO_MATCH)]


def template_labels(spec: Obj) -> dict[str, str]:
    """Return the labels that the template gives its pods."""
    return ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}


def check_always_restarted(spec: Obj, kind: str) -> list[Cause]:
    """Check a template whose pods are restarted for ever and have no deadline. `kind` is the one that upstream's message names."""
    pod, path = (spec.get("template") or {}).get("spec") or {}, "spec.template.spec"
    causes = []
    if pod.get("restartPolicy") != "Always":
        causes.append(field.not_supported(f"{path}.restartPolicy", pod.get("restartPolicy") or "", ["Always"]))
    if pod.get("activeDeadlineSeconds") is not None:
        message = f"activeDeadlineSeconds in {kind} is not Supported"
        causes.append(field.forbidden(f"{path}.activeDeadlineSeconds", message))
    return causes


def check_replica_template(spec: Obj, kind: str = "ReplicaSet") -> list[Cause]:
    """Check the selector against the template, then the template, as a ReplicaSet's."""
    causes = check_selected(spec)
    causes += validate_pod_template(spec.get("template"), "spec.template")
    return causes + check_always_restarted(spec, kind)


def check_counts(status: Obj, names: tuple[str, ...]) -> list[Cause]:
    """Check that none of a status's counters is negative."""
    return [cause for name in names for cause in not_negative(status, name, "status.")]


def check_within(status: Obj, names: tuple[str, ...], whole: str = "replicas", message: str = TOO_MANY) -> list[Cause]:
    """Check that none of a status's counters exceeds `whole`."""
    most = status.get(whole) or 0
    return [field.invalid(f"status.{n}", status.get(n) or 0, message) for n in names if (status.get(n) or 0) > most]


def check_not_decremented(new: Obj, old: Obj, name: str = "collisionCount") -> list[Cause]:
    """Check that a counter that only grows was not taken back."""
    now, before = (new.get("status") or {}).get(name), (old.get("status") or {}).get(name)
    if before is None or (now is not None and now >= before):
        return []
    return [field.invalid(f"status.{name}", now or 0, "cannot be decremented")]
