"""MutatingAdmissionPolicy: its facts and checks."""

from __future__ import annotations

from kubern.api import field
from kubern.api.resource import OtherVersion, Resource
from kubern.api.rules.checks import one_of
from kubern.api.rules.policies import check_policy, default_policy, policy_columns
from kubern.api.rules.values import items, part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_PATCHES = {"ApplyConfiguration": "applyConfiguration", "JSONPatch": "jsonPatch"}


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a MutatingAdmissionPolicy."""
    causes, spec = check_policy(obj), part(obj, "spec")
    causes += one_of(spec, "reinvocationPolicy", "spec.", ("IfNeeded", "Never"))
    if not spec.get("mutations"):
        causes.append(field.required("spec.mutations", "mutations must contain at least one item"))
    for i, mutation in items(spec, "mutations"):
        causes += _check_mutation(mutation, f"spec.mutations[{i}]")
    return causes


def _check_mutation(mutation: Obj, path: str) -> list[Cause]:
    causes = one_of(mutation, "patchType", f"{path}.", tuple(_PATCHES))
    wanted = _PATCHES.get(mutation.get("patchType") or "")
    if wanted and not part(mutation, wanted).get("expression"):
        causes.append(field.required(f"{path}.{wanted}.expression", "expression is not specified"))
    return causes


RESOURCE = Resource(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="MutatingAdmissionPolicy",
    plural="mutatingadmissionpolicies",
    singular="mutatingadmissionpolicy",
    namespaced=False,
    schema="io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicy",
    other_versions=(
        OtherVersion("v1beta1", "io.k8s.api.admissionregistration.v1beta1.MutatingAdmissionPolicy"),
        OtherVersion("v1alpha1", "io.k8s.api.admissionregistration.v1alpha1.MutatingAdmissionPolicy"),
    ),
    categories=("api-extensions",),
    generation=True,
    columns=policy_columns("Mutations", "spec.mutations"),
    default=default_policy,
    validate=validate,
)
