"""The TLS that the apiserver speaks to kubelets: presents its kubelet-client certificate, reloaded when the files change."""

from __future__ import annotations

import ssl
from pathlib import Path

from kubern.http.tls import client_context


class KubeletTls:
    """Gives contexts. Without `ca` kubelets' certificates are not looked at, as upstream without
    --kubelet-certificate-authority."""

    def __init__(self, certificate: Path | None, key: Path | None, ca: Path | None) -> None:
        self._certificate = certificate
        self._key = key
        self._ca = ca
        self._made: dict[bool, tuple[tuple[int, ...], ssl.SSLContext]] = {}

    def __call__(self, verify: bool) -> ssl.SSLContext:
        """Return the context; `verify` False trusts any kubelet. Raises `OSError` for files that cannot be read."""
        verify = verify and self._ca is not None
        files = (self._certificate, self._key, self._ca)
        stamp = tuple(path.stat().st_mtime_ns for path in files if path is not None)
        made = self._made.get(verify)
        if made is None or made[0] != stamp:
            made = (stamp, client_context(self._ca, self._certificate, self._key, verify=verify))
            self._made[verify] = made
        return made[1]
