"""Signs requests with a certificate authority's key. Called by the signing controller only.

What always holds: a certificate never outlives its authority, and is never an authority itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from kubern.base.errors import InternalError

if TYPE_CHECKING:
    from cryptography import x509

BACKDATE = timedelta(minutes=5)
"""For clocks that go slow."""
SHORT = timedelta(hours=8)
"""A certificate for less than this lasts its whole time from now on; a longer one loses what it is backdated by."""
SHORTEST = timedelta(minutes=10)


class Authority(NamedTuple):
    """A certificate authority: its certificate and key in PEM, and the longest that its certificates last (seconds)."""

    certificate: str
    key: str
    duration: float = 365 * 24 * 3600.0


_BITS = {
    "signing": "digital_signature", "digital signature": "digital_signature", "content commitment": "content_commitment",
    "key encipherment": "key_encipherment", "data encipherment": "data_encipherment", "key agreement": "key_agreement",
    "cert sign": "key_cert_sign", "crl sign": "crl_sign", "encipher only": "encipher_only", "decipher only": "decipher_only",
}  # fmt: skip
_PURPOSES = {
    "any": "2.5.29.37.0", "server auth": "1.3.6.1.5.5.7.3.1", "client auth": "1.3.6.1.5.5.7.3.2",
    "code signing": "1.3.6.1.5.5.7.3.3", "email protection": "1.3.6.1.5.5.7.3.4", "s/mime": "1.3.6.1.5.5.7.3.4",
    "ipsec end system": "1.3.6.1.5.5.7.3.5", "ipsec tunnel": "1.3.6.1.5.5.7.3.6", "ipsec user": "1.3.6.1.5.5.7.3.7",
    "timestamping": "1.3.6.1.5.5.7.3.8", "ocsp signing": "1.3.6.1.5.5.7.3.9",
    "microsoft sgc": "1.3.6.1.4.1.311.10.3.3", "netscape sgc": "2.16.840.1.113730.4.1",
}  # fmt: skip


def lifetime(asked_seconds: int | None, authority: Authority) -> timedelta:
    """Return how long a certificate may last: as asked, between ten minutes and the signer's own limit."""
    longest = timedelta(seconds=authority.duration)
    if asked_seconds is None:
        return longest
    return min(max(timedelta(seconds=asked_seconds), SHORTEST), longest)


def validity(life: timedelta, ends: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Return from when to when; `ends` is the authority's own end."""
    until = now + life if life < SHORT else now + life - BACKDATE
    return now - BACKDATE, min(until, ends)


def sign(
    request: x509.CertificateSigningRequest, usages: Sequence[str], life: timedelta, authority: Authority, now: datetime
) -> str:
    """Return the certificate in PEM. Raises `InternalError` when the authority has expired or the request is not its key's."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    if issuer.not_valid_after_utc <= now:
        raise InternalError("the signer has expired: refusing to sign a certificate that expired in the past")
    if not request.is_signature_valid:
        raise InternalError("unable to verify certificate request signature")
    key = serialization.load_pem_private_key(authority.key.encode(), None)
    begin, end = validity(life, issuer.not_valid_after_utc, now)
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(issuer.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    for extension, critical in _extensions(request, usages, issuer):
        builder = builder.add_extension(extension, critical=critical)
    certificate = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]  # whatever key an authority has
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _extensions(
    request: x509.CertificateSigningRequest, usages: Sequence[str], issuer: x509.Certificate
) -> list[tuple[x509.ExtensionType, bool]]:
    from cryptography import x509

    found: list[tuple[x509.ExtensionType, bool]] = []
    bits = {_BITS[usage] for usage in usages if usage in _BITS}
    if bits:
        # which of both ways is only said of a key agreement
        only = bits & {"encipher_only", "decipher_only"} if "key_agreement" in bits else set()
        plain = bits - {"encipher_only", "decipher_only"}
        found.append((x509.KeyUsage(**{name: name in plain | only for name in _BITS.values()}), True))
    purposes = dict.fromkeys(_PURPOSES[usage] for usage in usages if usage in _PURPOSES)
    if purposes:
        found.append((x509.ExtendedKeyUsage([x509.ObjectIdentifier(each) for each in purposes]), False))
    found.append((x509.BasicConstraints(ca=False, path_length=None), True))
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        found.append((x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), False))
    except x509.ExtensionNotFound:
        pass
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found.append((names.value, not list(request.subject)))
    except x509.ExtensionNotFound:
        pass
    return found
