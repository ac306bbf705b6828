"""ValidatingAdmissionPolicy: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource

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
)
