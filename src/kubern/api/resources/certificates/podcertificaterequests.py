"""PodCertificateRequest: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource

RESOURCE = Resource(
    group="certificates.k8s.io",
    version="v1beta1",
    kind="PodCertificateRequest",
    plural="podcertificaterequests",
    singular="podcertificaterequest",
    namespaced=True,
    schema="io.k8s.api.certificates.v1beta1.PodCertificateRequest",
    subresources=(STATUS,),
)
