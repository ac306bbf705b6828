"""Reads a CertificateSigningRequest: its state, and what its PKCS #10 request asks for. Pure.

`cryptography` is imported where it is needed: a controller process that never signs does not load it.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from kubern.base.json import Obj
from kubern.controllers.conditions import find

if TYPE_CHECKING:
    from cryptography import x509


class Asked(NamedTuple):
    """The parts of a request that signers look at."""

    name: str
    """The subject's common name."""
    organizations: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()


def parse(request: Obj) -> x509.CertificateSigningRequest:
    """Return what `spec.request` holds. Raises `ValueError` for what is no request; the API takes none such."""
    from cryptography import x509

    return x509.load_pem_x509_csr(base64.b64decode(request["spec"]["request"]))


def asked(request: x509.CertificateSigningRequest) -> Asked:
    """Return what a request asks for."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    names = [str(a.value) for a in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    organizations = tuple(str(a.value) for a in request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))
    # the last one counts, as in every reader of names that keeps one
    name = names[-1] if names else ""
    try:
        others = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Asked(name, organizations)
    return Asked(
        name,
        organizations,
        tuple(others.get_values_for_type(x509.DNSName)),
        tuple(others.get_values_for_type(x509.RFC822Name)),
        tuple(str(each) for each in others.get_values_for_type(x509.IPAddress)),
        tuple(others.get_values_for_type(x509.UniformResourceIdentifier)),
    )


def has(request: Obj, kind: str) -> bool:
    """Whether a request object has a condition of this type."""
    return find((request.get("status") or {}).get("conditions"), kind) is not None


def certificate_of(request: Obj) -> str:
    """Return the issued certificate (PEM in base64), empty when there is none."""
    return str((request.get("status") or {}).get("certificate") or "")
