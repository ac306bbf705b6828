"""ClusterTrustBundleAttest: who publishes the trust anchors of a signer needs the right to attest for it."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes, refused
from kubern.apiserver.signers import may


async def check(attributes: Attributes) -> None:
    """Refuse a bundle of a signer without the verb `attest` on that signer. Raises `Forbidden`."""
    signer = ((attributes.obj or {}).get("spec") or {}).get("signerName") or ""
    if not signer:
        return
    if attributes.operation == "UPDATE" and (attributes.obj or {}).get("spec") == (attributes.old or {}).get("spec"):
        return
    if not await may(attributes, "attest", signer):
        raise refused(attributes, f'user not permitted to attest for signerName "{signer}"')


ADMISSION = Admission(
    "ClusterTrustBundleAttest",
    124,
    ("CREATE", "UPDATE"),
    ("clustertrustbundles.certificates.k8s.io",),
    validate=check,
)
