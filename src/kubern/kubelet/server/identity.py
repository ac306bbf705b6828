"""Who may use the kubelet's API: the apiserver, by its client certificate, and cluster administrators."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

from kubern.base.errors import Forbidden, Unauthorized
from kubern.http.contract import Peer

APISERVER = "kube-apiserver-kubelet-client"
ADMINISTRATORS = "system:masters"


def authorize(peer: Peer, verb: str, subresource: str) -> None:
    """Check that the connection's certificate (verified by TLS) may use the API. Raises `Unauthorized` or `Forbidden`."""
    if not peer.certificate:
        raise Unauthorized("Unauthorized")
    user, groups = _identity(peer)
    if user != APISERVER and ADMINISTRATORS not in groups:
        raise Forbidden(f"Forbidden (user={user}, verb={verb}, resource=nodes, subresource(s)=[{subresource}])")


def _identity(peer: Peer) -> tuple[str, tuple[str, ...]]:
    memo = peer.memo if peer.memo is not None else {}
    if "kubelet-user" not in memo:
        subject = x509.load_der_x509_certificate(peer.certificate).subject
        names = [str(a.value) for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        groups = tuple(str(a.value) for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))
        memo["kubelet-user"] = (names[0] if names else "", groups)
    user, groups = memo["kubelet-user"]
    return user, groups
