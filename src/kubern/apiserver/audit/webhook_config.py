"""Reads the kubeconfig of --audit-webhook-config-file: where audit events go, whom to trust there, and how to show who one is."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from kubern.http.kubeconfig import Target, read_target, tls_of, token_file


class Receiver(NamedTuple):
    """A webhook's address and credentials."""

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    bearer: str = ""
    token_file: Path | None = None

    @property
    def authority(self) -> str:
        """The Host header's value."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def token(self) -> str:
        """Return the bearer token, a file's as it is now; empty: none. Raises `OSError`."""
        return self.token_file.read_text().strip() if self.token_file else self.bearer


def read_receiver(file: Path) -> Receiver:
    """Read a kubeconfig's current context. Raises `OSError`, and `ValueError` that names the file."""
    try:
        return _receiver(file.parent, read_target(file))
    except (AttributeError, KeyError, TypeError, ValueError, ssl.SSLError) as error:
        raise ValueError(f"--audit-webhook-config-file {file}: {error}") from error


def _receiver(folder: Path, target: Target) -> Receiver:
    cluster, user = target
    parts = urlsplit(str(cluster["server"]))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an address: {cluster['server']!r}")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Receiver(
        parts.hostname,
        parts.port or (443 if secure else 80),
        path,
        tls_of(folder, target) if secure else None,
        str(cluster.get("tls-server-name") or ""),
        str(user.get("token") or ""),
        token_file(folder, user),
    )
