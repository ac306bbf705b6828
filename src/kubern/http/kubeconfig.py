"""What a kubeconfig says of a connection: its entries, and the TLS that they ask for.

Used by the client's and by the apiserver's audit webhook. Source: the Kubernetes documentation, "Organizing Cluster Access".
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

Entry = Mapping[str, Any]


class Target(NamedTuple):
    """A context's cluster and user."""

    cluster: Entry
    user: Entry


def read_target(file: Path, context: str = "") -> Target:
    """Return what `context` (or the current one) names. Raises `OSError`, and `ValueError` that says what is missing."""
    import yaml

    try:
        config = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if not isinstance(config, dict):
        raise ValueError("not a kubeconfig")
    where = _named(config, "contexts", context or config.get("current-context") or "").get("context") or {}
    cluster = _named(config, "clusters", where.get("cluster") or "").get("cluster") or {}
    if not cluster.get("server"):
        raise ValueError("no server")
    user = (_named(config, "users", where["user"]).get("user") or {}) if where.get("user") else {}
    return Target(cluster, user)


def _named(config: Entry, kind: str, name: str) -> Entry:
    for entry in config.get(kind) or ():
        if isinstance(entry, dict) and entry.get("name") == name:
            return entry
    raise ValueError(f"no entry {name!r} in {kind}")


def tls_of(folder: Path, target: Target) -> ssl.SSLContext:
    """Return the TLS that a target asks for; paths are relative to `folder`. Raises `OSError`, `ValueError`."""
    cluster, user = target
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
        # ssl takes a certificate from a file only; this one is readable by its owner alone and gone at once
        descriptor, name = tempfile.mkstemp()
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(certificate + b"\n" + key)
            context.load_cert_chain(name)
        finally:
            os.unlink(name)
    return context


def token_file(folder: Path, user: Entry) -> Path | None:
    """Return where the user's token is, None when it is in no file."""
    return folder / user["tokenFile"] if user.get("tokenFile") else None


def _content(folder: Path, entry: Entry, name: str) -> bytes:
    """Return what `name-data` embeds or `name` points to, relative to the kubeconfig's folder."""
    if entry.get(f"{name}-data"):
        try:
            return base64.b64decode(entry[f"{name}-data"], validate=True)
        except binascii.Error as error:
            raise ValueError(f"{name}-data is not base64") from error
    return (folder / entry[name]).read_bytes() if entry.get(name) else b""
