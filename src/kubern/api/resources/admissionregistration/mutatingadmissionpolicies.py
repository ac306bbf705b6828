"""MutatingAdmissionPolicy: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import OtherVersion, Resource

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
)
