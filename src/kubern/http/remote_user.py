"""What a front proxy's request says of the user it is for: headers, and whose certificate the connection has.

Called by the apiserver's `authn/request_header` and by `diagnostics/front_proxy`. What always holds: nothing here decides whether a
proxy is believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote


class HeaderNames(NamedTuple):
    """The headers a front proxy sends."""

    username: Sequence[str] = ("X-Remote-User",)
    uid: Sequence[str] = ("X-Remote-Uid",)
    group: Sequence[str] = ("X-Remote-Group",)
    extra_prefix: Sequence[str] = ("X-Remote-Extra-",)


class RemoteUser(NamedTuple):
    """Whom the headers name."""

    name: str
    groups: tuple[str, ...]
    uid: str
    extra: dict[str, tuple[str, ...]]


def remote_user(headers: Mapping[str, str], names: HeaderNames) -> RemoteUser | None:
    """Return whom the headers (by lower-case name) are for; None without a user's name."""
    name = _first(headers, names.username)
    if not name:
        return None
    groups = tuple(group for header in names.group for group in _values(headers.get(header.lower(), "")))
    extra = {}
    for prefix in (p.lower() for p in names.extra_prefix):
        for key, value in headers.items():
            if key.startswith(prefix):
                extra[unquote(key[len(prefix) :]).lower()] = _values(value)
    return RemoteUser(name, groups, _first(headers, names.uid), extra)


def issued_by(certificate: object, authority: object) -> bool:
    """Whether `authority` signed `certificate` (both of `cryptography.x509`)."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    assert isinstance(certificate, x509.Certificate)
    assert isinstance(authority, x509.Certificate)
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _first(headers: Mapping[str, str], names: Sequence[str]) -> str:
    return next((headers[name.lower()].strip() for name in names if headers.get(name.lower(), "").strip()), "")


def _values(header: str) -> tuple[str, ...]:
    """Split a header that was sent several times: the connection joins its values with commas."""
    return tuple(value.strip() for value in header.split(",") if value.strip())
