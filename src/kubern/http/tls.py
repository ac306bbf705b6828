"""The server's TLS: a context whose certificate can be replaced while it serves, and the clients' contexts."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from kubern.http import openssl

log = logging.getLogger(__name__)


class ServerTls:
    """The TLS side of a server. `context` stays the same object; `reload_if_changed` renews what it presents.

    Clients may present a certificate or none, so that tokens work. One that does not verify against a client CA does not end the
    handshake: `certificate_of` tells what is wrong with it, and the handler answers 401. TLS 1.2 and newer; ALPN offers http/1.1.
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None = None, *more_cas: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._client_cas = [*([client_ca] if client_ca else ()), *more_cas]
        self._loaded = self._stamp()
        self.context = self._make()

    def _make(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # A session ticket is resumed without the client's certificate being shown again; a full handshake every time is simpler
        # to reason about, and connections are long-lived here.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        openssl.prefer_aes_128(context)
        context.load_cert_chain(self._certificate, self._key)
        if self._client_cas:
            context.verify_mode = ssl.CERT_OPTIONAL
            for authority in self._client_cas:
                context.load_verify_locations(cafile=str(authority))
            openssl.tolerate_unverified(context)
        return context

    def trust(self, authority: str) -> None:
        """Believe the client certificates of one more authority (PEM), for connections from now on. Raises `ssl.SSLError`."""
        self.context.load_verify_locations(cadata=authority)
        if self.context.verify_mode != ssl.CERT_OPTIONAL:
            self.context.verify_mode = ssl.CERT_OPTIONAL
            openssl.tolerate_unverified(self.context)

    def _stamp(self) -> tuple[tuple[int, int, int], ...]:
        files = [self._certificate, self._key, *self._client_cas]
        return tuple((info.st_mtime_ns, info.st_size, info.st_ino) for info in (path.stat() for path in files))

    def reload_if_changed(self) -> bool:
        """Load the files again if any of them changed; new connections see the new certificate. Files that do not fit together
        (caught halfway through their replacement) are logged and tried again at the next call."""
        try:
            stamp = self._stamp()
            if stamp == self._loaded:
                return False
            self._make()  # a trial: the live context must not end up with a certificate and a foreign key
            self.context.load_cert_chain(self._certificate, self._key)
            for authority in self._client_cas:
                self.context.load_verify_locations(cafile=str(authority))
        except (OSError, ssl.SSLError) as error:
            log.warning("the serving certificate %s could not be reloaded: %s", self._certificate, error)
            return False
        self._loaded = stamp
        log.info("the serving certificate %s was reloaded", self._certificate)
        return True


def certificate_of(tls: ssl.SSLObject) -> tuple[bytes, str]:
    """Return a connection's verified client certificate (DER; empty: none), or why the one that was shown does not verify."""
    certificate = tls.getpeercert(binary_form=True)
    if not certificate:
        return b"", ""
    refused = openssl.refusal(tls)
    return (b"", refused) if refused else (certificate, "")


def client_context(
    ca: Path | None = None, certificate: Path | None = None, key: Path | None = None, *, verify: bool = True
) -> ssl.SSLContext:
    """Return a context for connecting to a server: trusts `ca` only (the system's when None), presents `certificate`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca is not None:
        context.load_verify_locations(cafile=str(ca))
    else:
        context.load_default_certs()
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context
