"""MutatingAdmissionPolicyBinding: its facts."""

from __future__ import annotations

from kubern.api.resource import OtherVersion, Resource
from kubern.api.rules.policies import BINDING_COLUMNS, check_binding, default_binding

RESOURCE = Resource(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="MutatingAdmissionPolicyBinding",
    plural="mutatingadmissionpolicybindings",
    singular="mutatingadmissionpolicybinding",
    namespaced=False,
    schema="io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBinding",
    other_versions=(
        OtherVersion("v1beta1", "io.k8s.api.admissionregistration.v1beta1.MutatingAdmissionPolicyBinding"),
        OtherVersion("v1alpha1", "io.k8s.api.admissionregistration.v1alpha1.MutatingAdmissionPolicyBinding"),
    ),
    categories=("api-extensions",),
    generation=True,
    columns=BINDING_COLUMNS,
    default=default_binding,
    validate=check_binding,
)
