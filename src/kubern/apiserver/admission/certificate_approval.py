"""CertificateApproval: who approves or denies a signing request needs the right to do so for its signer."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes, refused
from kubern.apiserver.signers import may


async def check(attributes: Attributes) -> None:
    """Refuse an approval without the verb `approve` on the signer. Raises `Forbidden`."""
    signer = ((attributes.old or {}).get("spec") or {}).get("signerName", "")
    if not await may(attributes, "approve", signer):
        raise refused(attributes, f'user not permitted to approve requests with signerName "{signer}"')


ADMISSION = Admission(
    "CertificateApproval",
    122,
    ("UPDATE",),
    ("certificatesigningrequests.certificates.k8s.io",),
    validate=check,
    subresources=("approval",),
)
