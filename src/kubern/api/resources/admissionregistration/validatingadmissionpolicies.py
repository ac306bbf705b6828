"""ValidatingAdmissionPolicy: its facts and checks."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import STATUS, Resource
from kubern.api.rules.condition_checks import check_conditions
from kubern.api.rules.policies import check_policy, default_policy, policy_columns
from kubern.api.rules.values import items, part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")
_MAX_ANNOTATIONS, _MAX_EXPRESSION = 20, 5 * 1024


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
        causes += _check_messages(validation, path)
        if reason is not None and reason not in _REASONS:
            causes.append(field.not_supported(f"{path}.reason", reason, _REASONS))
    return causes + _check_annotations(spec.get("auditAnnotations") or [], obj["metadata"].get("name") or "")


def validate_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with what is said of a policy."""
    status = part(new, "status")
    return check_conditions(status.get("conditions") or [], "status.conditions")


def _check_messages(validation: Obj, path: str) -> list[Cause]:
    """What is said of a refusal is said in one line, or by an expression."""
    causes = []
    expression, message = (validation.get(name) or "" for name in ("messageExpression", "message"))
    if expression and not expression.strip():
        causes.append(field.invalid(f"{path}.messageExpression", expression, "must be non-empty if specified"))
    if message and not message.strip():
        causes.append(field.invalid(f"{path}.message", message, "message must be non-empty if specified"))
    elif any(char in message.strip() for char in "\n\r"):
        causes.append(field.invalid(f"{path}.message", message, "message must not contain line breaks"))
    return causes


def _check_annotations(annotations: list[Obj], policy: str) -> list[Cause]:
    """What is noted in the audit log is noted under the policy's name and a key of its own."""
    causes, path = [], "spec.auditAnnotations"
    if len(annotations) > _MAX_ANNOTATIONS:
        message = f"must not have more than {_MAX_ANNOTATIONS} auditAnnotations"
        causes.append(field.invalid(path, annotations, message))
    keys = [annotation.get("key") or "" for annotation in annotations]
    for i, key in enumerate(keys):
        here, expression = f"{path}[{i}]", (annotations[i].get("valueExpression") or "").strip()
        name = f"{policy}/{key}"
        causes += [field.invalid(f"{here}.key", name, message) for message in names.qualified_name(name)]
        if not expression:
            causes.append(field.required(f"{here}.valueExpression", "valueExpression is not specified"))
        elif len(expression.encode()) > _MAX_EXPRESSION:
            message = f"must not exceed {_MAX_EXPRESSION} bytes in length"
            causes.append(field.required(f"{here}.valueExpression", message))
        if key in keys[:i]:
            causes.append(field.duplicate(f"{here}.key", key))
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
    validate_status_update=validate_status_update,
)
