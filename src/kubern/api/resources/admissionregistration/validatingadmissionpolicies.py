"""ValidatingAdmissionPolicy: its facts and checks."""

from __future__ import annotations

from kubern.api import field
from kubern.api.resource import STATUS, Resource
from kubern.api.rules.policies import check_policy, default_policy, policy_columns
from kubern.api.rules.values import items, part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a ValidatingAdmissionPolicy."""
    causes, spec = check_policy(obj), part(obj, "spec")
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        message = "validations or auditAnnotations must contain at least one item"
        causes += [field.required("spec.validations", message), field.required("spec.auditAnnotations", message)]
    for i, validation in items(spec, "validations"):
        path, reason = f"spec.validations[{i}]", validation.get("reason")
        if not (validation.get("expression") or "").strip():
            causes.append(field.required(f"{path}.expression", "expression is not specified"))
        if reason is not None and reason not in _REASONS:
            causes.append(field.not_supported(f"{path}.reason", reason, _REASONS))
    return causes


RESOURCE = Resource(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingAdmissionPolicy",
    plural="validatingadmissionpolicies",
    singular="validatingadmissionpolicy",
    namespaced=False,
    schema="io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy",
    categories=("api-extensions",),
    subresources=(STATUS,),
    generation=True,
    columns=policy_columns("Validations", "spec.validations"),
    default=default_policy,
    validate=validate,
)
