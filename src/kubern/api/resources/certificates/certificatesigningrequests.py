"""CertificateSigningRequest: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, STATUS_VERBS, Resource, Subresource

RESOURCE = Resource(
    group="certificates.k8s.io",
    version="v1",
    kind="CertificateSigningRequest",
    plural="certificatesigningrequests",
    singular="certificatesigningrequest",
    namespaced=False,
    schema="io.k8s.api.certificates.v1.CertificateSigningRequest",
    short_names=("csr",),
    subresources=(Subresource("approval", STATUS_VERBS), STATUS),
)
