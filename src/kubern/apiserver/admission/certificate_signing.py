"""CertificateSigning: who issues the certificate of a signing request needs the right to do so for its signer."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes, refused
from kubern.apiserver.signers import may
from kubern.base.json import Obj


async def check(attributes: Attributes) -> None:
    """Refuse a certificate, or a condition that none will come, without the verb `sign` on the signer. Raises `Forbidden`."""
    if _issued(attributes.obj) == _issued(attributes.old):
        return
    signer = ((attributes.old or {}).get("spec") or {}).get("signerName", "")
    if not await may(attributes, "sign", signer):
        raise refused(attributes, f'user not permitted to sign requests with signerName "{signer}"')


def _issued(request: Obj | None) -> tuple[object, object]:
    status = (request or {}).get("status") or {}
    failed = [c for c in status.get("conditions") or () if c.get("type") == "Failed"]
    return status.get("certificate"), failed


ADMISSION = Admission(
    "CertificateSigning",
    123,
    ("UPDATE",),
    ("certificatesigningrequests.certificates.k8s.io",),
    validate=check,
    subresources=("status",),
)
