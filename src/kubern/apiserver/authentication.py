"""Who is at the other end of a connection, by what the connection itself knows: the in-process caller or the client certificate."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

from kubern.apiserver.identity import AUTHENTICATED, User
from kubern.http.contract import Request


class PeerAuthenticator:
    """Trusts the in-process user and the verified client certificate (common name: user; organizations: groups)."""

    def __call__(self, request: Request) -> User | None:
        """Return the caller, or None when the connection says nothing."""
        peer = request.peer
        if isinstance(peer.user, User):
            return peer.user
        if not peer.certificate:
            return None
        memo = peer.memo if peer.memo is not None else {}
        user = memo.get("user")
        if not isinstance(user, User):
            user = memo["user"] = _user_of(peer.certificate)
        return user


def _user_of(der: bytes) -> User:
    subject = x509.load_der_x509_certificate(der).subject
    names = [str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = [str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return User(names[0] if names else "", (*groups, AUTHENTICATED))
