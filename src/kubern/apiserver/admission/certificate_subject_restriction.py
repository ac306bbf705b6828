"""CertificateSubjectRestriction: nobody asks the client signer for a certificate of the group system:masters."""

from __future__ import annotations

import base64
import binascii

from cryptography import x509
from cryptography.x509.oid import NameOID

from kubern.apiserver.admission_chain import Admission, Attributes, refused
from kubern.apiserver.identity import MASTERS

SIGNER = "kubernetes.io/kube-apiserver-client"


def check(attributes: Attributes) -> None:
    """Refuse a request for a certificate that would be a cluster administrator's. Raises `Forbidden`."""
    spec = (attributes.obj or {}).get("spec") or {}
    if spec.get("signerName") != SIGNER:
        return
    try:
        request = x509.load_pem_x509_csr(base64.b64decode(spec.get("request") or ""))
    except (ValueError, binascii.Error):
        return  # validation says what is wrong with it
    if MASTERS in {a.value for a in request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)}:
        raise refused(attributes, f"use of {SIGNER} signer with {MASTERS} group is not allowed")


ADMISSION = Admission(
    "CertificateSubjectRestriction",
    125,
    ("CREATE",),
    ("certificatesigningrequests.certificates.k8s.io",),
    validate=check,
)
