"""Whom a front proxy asks for at a program's port, as the apiserver's ConfigMap `extension-apiserver-authentication` has it.

`serving` hands over what the ConfigMap says, `access` asks. What always holds: only a certificate that the front proxies' authority
signed itself, with an allowed name, speaks for others; and once that authority is known, nobody is a user by a certificate that the
users' authority has not signed itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from kubern.http.contract import Peer, Request
from kubern.http.remote_user import HeaderNames, RemoteUser, issued_by, remote_user

_MEMO = "front proxy of a port"


class Settings(NamedTuple):
    """Whose certificates speak for others, and how."""

    authorities: bytes
    users: bytes
    allowed_names: tuple[str, ...]
    headers: HeaderNames


class Holder(NamedTuple):
    """What a connection's certificate is good for."""

    user: bool = True
    """It names a user."""
    proxy: bool = False
    """It speaks for others."""


class FrontProxies:
    """What is known of front proxies; nothing until `learn` has been told."""

    def __init__(self) -> None:
        self._settings: Settings | None = None

    def learn(self, data: Mapping[str, str], users: bytes = b"") -> str:
        """Take over a ConfigMap's data; `users` are the authorities (PEM) of users where they are not those it names.

        Returns the front proxies' authority (PEM), empty when there is none. Raises `ValueError` for data of another form."""
        authority = data.get("requestheader-client-ca-file", "")
        if not authority:
            self._settings = None
            return ""
        headers = HeaderNames(
            _names(data, "requestheader-username-headers"),
            _names(data, "requestheader-uid-headers"),
            _names(data, "requestheader-group-headers"),
            _names(data, "requestheader-extra-headers-prefix"),
        )
        allowed = _names(data, "requestheader-allowed-names")
        settings = Settings(
            authority.encode(), users or data.get("client-ca-file", "").encode(), tuple(allowed), headers
        )
        if settings != self._settings:
            self._settings = settings
        return authority

    def holder(self, peer: Peer) -> Holder:
        """Return what the certificate of a connection is good for; looked at once a connection and settings."""
        settings = self._settings
        if settings is None:
            return Holder()
        memo = peer.memo if peer.memo is not None else {}
        held = memo.get(_MEMO)
        if held is None or held[0] is not settings:
            held = memo[_MEMO] = (settings, _look(peer.certificate, settings))
        found: Holder = held[1]
        return found

    def user(self, request: Request) -> RemoteUser | None:
        """Return for whom a front proxy asks, by its headers; only for those who are one."""
        return remote_user(request.headers, self._settings.headers) if self._settings else None


def _names(data: Mapping[str, str], field: str) -> list[str]:
    names = orjson.loads(data.get(field) or "[]")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{field} is no list of strings")
    return names


def _look(der: bytes, settings: Settings) -> Holder:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        certificate = x509.load_der_x509_certificate(der)
        names = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        trusted = any(issued_by(certificate, ca) for ca in x509.load_pem_x509_certificates(settings.authorities))
        user = bool(settings.users) and any(
            issued_by(certificate, ca) for ca in x509.load_pem_x509_certificates(settings.users)
        )
    except ValueError:
        return Holder(False, False)
    allowed = not settings.allowed_names or (names and names[0] in settings.allowed_names)
    return Holder(user, bool(trusted and allowed))
