"""The TLS contexts for servers that an object names, each with the CA that the object gives."""

from __future__ import annotations

import base64
import binascii
import ssl
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from kubern.http.tls import client_context

_KEPT = 64
"""Contexts that are remembered; a context takes a few milliseconds to make and about 100 KB with the system's CAs."""


class BadBundle(ValueError):
    """A caBundle holds no certificates."""


class Trust:
    """Makes contexts and remembers the latest. `certificate` and `key` are shown to servers that ask for them."""

    def __init__(self, certificate: Path | None = None, key: Path | None = None) -> None:
        self._certificate = certificate
        self._key = key
        self._made: OrderedDict[_Wanted, ssl.SSLContext] = OrderedDict()

    def context(self, ca_bundle: str = "", *, verify: bool = True) -> ssl.SSLContext:
        """Return the context that trusts the certificates of `ca_bundle` (base64 of PEM), the system's when it is empty.

        Raises `BadBundle`, `OSError` when the files of our own certificate cannot be read."""
        wanted = _Wanted(ca_bundle, verify, self._stamp())
        context = self._made.get(wanted)
        if context is None:
            context = self._made[wanted] = self._make(wanted)
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(wanted)
        return context

    def _stamp(self) -> int:
        return self._certificate.stat().st_mtime_ns if self._certificate is not None else 0

    def _make(self, wanted: _Wanted) -> ssl.SSLContext:
        if not wanted.ca_bundle or not wanted.verify:
            return client_context(None, self._certificate, self._key, verify=wanted.verify)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_verify_locations(cadata=base64.b64decode(wanted.ca_bundle).decode("ascii"))
        except (binascii.Error, UnicodeDecodeError, ssl.SSLError) as error:
            raise BadBundle("unable to load root certificates: unable to parse bytes as PEM block") from error
        if self._certificate is not None:
            context.load_cert_chain(self._certificate, self._key)
        return context


class _Wanted(NamedTuple):
    ca_bundle: str
    verify: bool
    stamp: int
