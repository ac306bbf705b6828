"""Reads the kubeconfig of --audit-webhook-config-file: where audit events go, whom to trust there, and how to show who one is."""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit


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
    import yaml

    try:
        config = yaml.safe_load(file.read_text())
        context = _named(config, "contexts", config.get("current-context") or "")["context"]
        cluster = _named(config, "clusters", context.get("cluster") or "")["cluster"]
        user = _named(config, "users", context["user"]).get("user") or {} if context.get("user") else {}
        return _receiver(file.parent, cluster, user)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, ssl.SSLError) as error:
        raise ValueError(f"--audit-webhook-config-file {file}: {error}") from error


def _named(config: Any, kind: str, name: str) -> Any:
    for entry in config.get(kind) or ():
        if entry.get("name") == name:
            return entry
    raise ValueError(f"no entry {name!r} in {kind}")


def _receiver(folder: Path, cluster: Any, user: Any) -> Receiver:
    parts = urlsplit(str(cluster["server"]))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an address: {cluster['server']!r}")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Receiver(
        parts.hostname,
        parts.port or (443 if secure else 80),
        path,
        _tls(folder, cluster, user) if secure else None,
        str(cluster.get("tls-server-name") or ""),
        str(user.get("token") or ""),
        folder / user["tokenFile"] if user.get("tokenFile") else None,
    )


def _tls(folder: Path, cluster: Any, user: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    authority = _content(folder, cluster, "certificate-authority")
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authority:
        context.load_verify_locations(cadata=authority.decode())
    else:
        context.load_default_certs()
    certificate, key = _content(folder, user, "client-certificate"), _content(folder, user, "client-key")
    if certificate and key:
        descriptor, name = (
            tempfile.mkstemp()
        )  # ssl takes a certificate from a file only; mkstemp's is its owner's alone
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(certificate + b"\n" + key)
            context.load_cert_chain(name)
        finally:
            os.unlink(name)
    return context


def _content(folder: Path, entry: Any, name: str) -> bytes:
    """Return what `name-data` embeds or `name` points to, relative to the kubeconfig's folder."""
    if entry.get(f"{name}-data"):
        try:
            return base64.b64decode(entry[f"{name}-data"], validate=True)
        except binascii.Error as error:
            raise ValueError(f"{name}-data is not base64") from error
    return (folder / entry[name]).read_bytes() if entry.get(name) else b""
