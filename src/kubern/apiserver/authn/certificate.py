"""Authentication by client certificate: the common name is the user, the organizations are the groups.

The TLS layer has verified the chain against the client CA; this looks only at what changes afterwards (the time) and at
what TLS does not ask (the certificate is meant for clients). Read once a connection, kept in `peer.memo`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kubern.apiserver.identity import User
from kubern.base.clock import Clock
from kubern.base.errors import Unauthorized
from kubern.base.metrics import Histogram
from kubern.http.contract import Request

_UID = x509.ObjectIdentifier("1.3.6.1.4.1.57683.2")
"""Kubernetes' own attribute for the user's uid."""
_MEMO = "certificate"


class _Bearer(NamedTuple):
    user: User | None
    not_before: datetime
    not_after: datetime
    for_clients: bool


class Certificates:
    """A `chain.Method`."""

    def __init__(
        self, clock: Clock, not_a_user: Callable[[Request], bool] | None = None, lives: Histogram | None = None
    ) -> None:
        self._clock = clock
        self._not_a_user = not_a_user
        """Tells of a certificate that verifies but was issued by a CA whose certificates stand for no user."""
        self._lives = lives
        """Takes note of the seconds that the certificates of connections have left."""

    def __call__(self, request: Request) -> User | None:
        """Return who the connection's certificate speaks of. Raises `Unauthorized` when it does not verify or has expired."""
        peer = request.peer
        if peer.refused_certificate:
            raise Unauthorized(f"x509: {peer.refused_certificate}")
        if not peer.certificate:
            return None
        held = peer.memo.get(_MEMO) if peer.memo is not None else None
        if not isinstance(held, _Bearer):
            held = _read(peer.certificate)
            if self._lives is not None:
                self._lives.observe((held.not_after - self._clock.now()).total_seconds())
            if peer.memo is not None:
                peer.memo[_MEMO] = held
        if self._not_a_user is not None and self._not_a_user(request):
            raise Unauthorized("x509: certificate signed by unknown authority")
        if not held.not_before <= self._clock.now() <= held.not_after:
            raise Unauthorized("x509: certificate has expired or is not yet valid")
        if not held.for_clients:
            raise Unauthorized("x509: certificate specifies an incompatible key usage")
        return held.user


def _read(der: bytes) -> _Bearer:
    try:
        certificate = x509.load_der_x509_certificate(der)
        subject = certificate.subject
        names = [str(a.value) for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        groups = tuple(str(a.value) for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))
        uids = [str(a.value) for a in subject.get_attributes_for_oid(_UID)]
        for_clients = _for_clients(certificate)
    except ValueError as error:
        raise Unauthorized(f"x509: {error}") from error
    user = None
    if names and names[0]:
        fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
        extra = {"authentication.kubernetes.io/credential-id": (f"X509SHA256={fingerprint}",)}
        user = User(names[0], groups, uids[0] if uids else "", extra)
    return _Bearer(user, certificate.not_valid_before_utc, certificate.not_valid_after_utc, for_clients)


def _for_clients(certificate: x509.Certificate) -> bool:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in usages or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usages
