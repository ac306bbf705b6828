"""ValidatingAdmissionPolicyBinding: its facts and checks."""

from __future__ import annotations

from kubern.api import field
from kubern.api.resource import Resource
from kubern.api.rules.policies import BINDING_COLUMNS, check_binding, default_binding
from kubern.api.rules.values import items, part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_ACTIONS = ("Audit", "Deny", "Warn")


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a ValidatingAdmissionPolicyBinding."""
    causes, spec, path = check_binding(obj), part(obj, "spec"), "spec.validationActions"
    actions = spec.get("validationActions") or []
    if not actions:
        causes.append(field.required(path, "at least one validation action is required"))
    for i, action in items(spec, "validationActions"):
        if action not in _ACTIONS:
            causes.append(field.not_supported(f"{path}[{i}]", action, _ACTIONS))
        if action in actions[:i]:
            causes.append(field.duplicate(f"{path}[{i}]", action))
    if "Deny" in actions and "Warn" in actions:
        message = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the API "
            "response and headers serves no purpose)"
        )
        causes.append(field.invalid(path, actions, message))
    return causes


RESOURCE = Resource(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingAdmissionPolicyBinding",
    plural="validatingadmissionpolicybindings",
    singular="validatingadmissionpolicybinding",
    namespaced=False,
    schema="io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding",
    categories=("api-extensions",),
    generation=True,
    columns=BINDING_COLUMNS,
    default=default_binding,
    validate=validate,
)
