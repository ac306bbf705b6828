"""CertificateSigningRequest: its facts, checks and columns."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import timedelta

from cryptography import x509

from kubern.api import field
from kubern.api.columns import human
from kubern.api.resource import STATUS, STATUS_VERBS, Column, Resource, Subresource
from kubern.api.rules import cells
from kubern.api.rules.certificate_status import check_request_status
from kubern.api.rules.checks import immutable
from kubern.api.rules.values import at, items, part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MIN_SECONDS = 600
_USAGES = (
    "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment",
    "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel",
    "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime",
    "server auth", "signing", "timestamping",
)  # fmt: skip


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a CertificateSigningRequest."""
    spec = part(obj, "spec")
    causes = _check_request(spec.get("request") or "")
    if not spec.get("usages"):
        causes.append(field.required("spec.usages", ""))
    for i, usage in items(spec, "usages"):
        if usage not in _USAGES:
            causes.append(field.not_supported(f"spec.usages[{i}]", usage, _USAGES))
        if usage in spec["usages"][:i]:
            causes.append(field.duplicate(f"spec.usages[{i}]", usage))
    causes += _check_signer(spec.get("signerName") or "")
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _MIN_SECONDS:
        message = "may not specify a duration less than 600 seconds (10 minutes)"
        causes.append(field.invalid("spec.expirationSeconds", seconds, message))
    return causes


def prepare_update(new: Obj, old: Obj) -> None:
    """Keep the request as it was asked."""
    new["spec"] = old.get("spec")


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: all that was asked for."""
    return immutable(new.get("spec"), old.get("spec"), "spec")


def fields(obj: Obj) -> Mapping[str, str]:
    """Return the field selector's values."""
    return {"spec.signerName": at(obj, "spec.signerName") or ""}


def _check_request(request: str) -> list[Cause]:
    path = "spec.request"
    try:
        pem = base64.b64decode(request, validate=True)
    except binascii.Error:
        return [field.invalid(path, request, "must be base64")]
    if b"-----BEGIN CERTIFICATE REQUEST-----" not in pem:
        return [field.invalid(path, request, "PEM block type must be CERTIFICATE REQUEST")]
    try:
        x509.load_pem_x509_csr(pem)
    except ValueError as error:
        return [field.invalid(path, request, str(error))]
    return []


def _check_signer(signer: str) -> list[Cause]:
    path = "spec.signerName"
    if not signer:
        return [field.required(path, "")]
    domain, slash, rest = signer.partition("/")
    if not slash or not rest:
        return [
            field.invalid(
                path, signer, "must be a fully qualified domain and path of the form 'example.com/signer-name'"
            )
        ]
    if signer.endswith("/legacy-unknown") and domain == "kubernetes.io":
        return [field.invalid(path, signer, "the legacy signerName is not allowed via this API version")]
    if len(domain.split(".")) < 2:
        return [field.invalid(path, domain, "should be a domain with at least two segments separated by dots")]
    return []


def _condition(obj: Obj) -> str:
    found = {condition.get("type") for _, condition in items(obj, "status.conditions")}
    state = "Denied" if "Denied" in found else "Approved" if "Approved" in found else "Pending"
    return state + (",Failed" if "Failed" in found else "") + (",Issued" if at(obj, "status.certificate") else "")


def _duration(obj: Obj) -> str:
    seconds = at(obj, "spec.expirationSeconds")
    return cells.NONE if seconds is None else human(timedelta(seconds=seconds))


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.AGE,
    cells.text("SignerName", "spec.signerName", "Who is asked to sign.", missing=cells.NONE),
    cells.text("Requestor", "spec.username", "Who asks."),
    cells.column("RequestedDuration", _duration, "How long the certificate should hold."),
    cells.column("Condition", _condition, "What has become of the request."),
)


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
    columns=COLUMNS,
    prepare_update=prepare_update,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=check_request_status,
    fields=fields,
)
