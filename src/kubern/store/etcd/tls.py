"""Certificates between us and etcd: the files, read once and checked, and what a handshake that failed means.

Used by `members.py`. What always holds: gRPC is given only files that fit together, since it ends the whole process over a certificate
without a key, and says of a key that belongs to another one no more than that no handshake can be made.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple


class Tls(NamedTuple):
    """Files for connections over TLS: the CA of the members, and our certificate with its key."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def read(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        """Return what gRPC wants: CA, key, certificate (PEM). Raises `ValueError` for files that are none, `OSError` for missing ones."""
        if bool(self.certificate) != bool(self.key):
            raise ValueError("--etcd-certfile and --etcd-keyfile need each other")
        found = tuple(file.read_bytes() if file else None for file in (self.ca, self.key, self.certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if self.ca:
                context.load_verify_locations(self.ca)
        except ssl.SSLError as error:
            raise ValueError(f"--etcd-cafile: {self.ca} holds no certificate: {error}") from error
        try:
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key, password="")  # never ask the terminal for one
        except ssl.SSLError as error:
            raise ValueError(
                f"--etcd-certfile, --etcd-keyfile: {self.certificate} and {self.key} are no pair: {error}"
            ) from error
        return found[0], found[1], found[2]


def distrust(details: str) -> str:
    """Return what gRPC's words about a lost connection mean when certificates are the reason, else an empty string."""
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return f"the member's certificate is not from the authority in --etcd-cafile, or not for its address: {details}"
    if "TSI_DATA_CORRUPTED" in details:  # so the library calls an alert that comes after its own part of the handshake
        return f"the member refused our certificate, or wants one (--etcd-certfile, --etcd-keyfile): {details}"
    return ""
