"""Authentication by a front proxy: who shows a certificate of the front-proxy CA says in headers for whom it asks.

Called by `chain` before the client certificates. What always holds: the headers of anybody else are not looked at, and a certificate of
the front-proxy CA is nobody's own (`issued_by` lets `certificate` tell them apart). A CA signs directly: of a chain with
intermediate CAs, only the leaf's issuer counts.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kubern.apiserver.identity import User
from kubern.base.errors import Unauthorized
from kubern.http.contract import Request
from kubern.http.remote_user import HeaderNames, issued_by, remote_user

_MEMO = "front proxy"


class RequestHeaderSettings(NamedTuple):
    """The --requestheader-* flags."""

    client_ca_file: Path
    allowed_names: tuple[str, ...] = ()
    """Common names that may speak for others; none: everyone with a certificate of the CA."""
    username_headers: tuple[str, ...] = ("X-Remote-User",)
    uid_headers: tuple[str, ...] = ("X-Remote-Uid",)
    group_headers: tuple[str, ...] = ("X-Remote-Group",)
    extra_headers_prefix: tuple[str, ...] = ("X-Remote-Extra-",)


class FrontProxy(NamedTuple):
    """What is known of a connection: whether a front proxy is at its other end, its common name, and whether it is a user too."""

    trusted: bool
    name: str
    user: bool = False


class RequestHeaders:
    """A `chain.Method`."""

    def __init__(self, settings: RequestHeaderSettings, users: Path | None = None) -> None:
        self._settings = settings
        self._headers = HeaderNames(
            settings.username_headers, settings.uid_headers, settings.group_headers, settings.extra_headers_prefix
        )
        self._authorities = settings.client_ca_file.read_bytes()
        self._users = users.read_bytes() if users else b""

    def __call__(self, request: Request) -> User | None:
        """Return for whom a front proxy asks. Raises `Unauthorized` for one whose name is not allowed."""
        proxy = self.proxy(request)
        if not proxy.trusted:
            return None
        settings = self._settings
        if settings.allowed_names and proxy.name not in settings.allowed_names:
            raise Unauthorized(f"x509: subject with cn={proxy.name} is not in the allowed list")
        found = remote_user(request.headers, self._headers)
        return None if found is None else User(found.name, found.groups, found.uid, found.extra)

    def proxy(self, request: Request) -> FrontProxy:
        """Return whether a request comes from a front proxy; looked at once a connection."""
        peer = request.peer
        if not peer.certificate:
            return FrontProxy(False, "")
        held = peer.memo.get(_MEMO) if peer.memo is not None else None
        if not isinstance(held, FrontProxy):
            held = _read(peer.certificate, self._authorities, self._users)
            if peer.memo is not None:
                peer.memo[_MEMO] = held
        return held

    def only_proxy(self, request: Request) -> bool:
        """Whether a request's certificate is one of the front-proxy CA and not of the users' CA."""
        proxy = self.proxy(request)
        return proxy.trusted and not proxy.user


def _read(der: bytes, authorities: bytes, users: bytes) -> FrontProxy:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        certificate = x509.load_der_x509_certificate(der)
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        trusted = any(issued_by(certificate, ca) for ca in x509.load_pem_x509_certificates(authorities))
        user = bool(users) and any(issued_by(certificate, ca) for ca in x509.load_pem_x509_certificates(users))
    except ValueError:
        return FrontProxy(False, "")
    return FrontProxy(trusted, str(names[0].value) if names else "", user)
