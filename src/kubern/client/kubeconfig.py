"""Reads a kubeconfig into what a connection needs. Source: the Kubernetes documentation, "Organizing Cluster Access"."""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import yaml


class KubeconfigError(ValueError):
    """The file does not say how to reach a cluster; the message says what is missing."""


class Access(NamedTuple):
    """Where the apiserver is, and how to show who one is."""

    server: str
    tls: ssl.SSLContext
    token: str = ""
    token_file: Path | None = None


def load(path: Path, context: str = "") -> Access:
    """Return the access that `context` (or the current one) describes. Raises `KubeconfigError`, `OSError`."""
    try:
        config = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise KubeconfigError(f"{path}: {error}") from error
    if not isinstance(config, dict):
        raise KubeconfigError(f"{path} is not a kubeconfig")
    chosen = context or config.get("current-context") or ""
    where = _named(path, config, "contexts", chosen)["context"]
    cluster = _named(path, config, "clusters", where.get("cluster", ""))["cluster"]
    user = _named(path, config, "users", where.get("user", "")).get("user") or {}
    token_file = user.get("tokenFile")
    return Access(
        cluster["server"].rstrip("/"),
        _tls(path.parent, cluster, user),
        user.get("token", ""),
        path.parent / token_file if token_file else None,
    )


def _named(path: Path, config: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    for entry in config.get(kind) or ():
        if entry.get("name") == name:
            found: dict[str, Any] = entry
            return found
    raise KubeconfigError(f"{path}: no entry {name!r} in {kind}")


def _tls(folder: Path, cluster: dict[str, Any], user: dict[str, Any]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
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


def _content(folder: Path, entry: dict[str, Any], name: str) -> bytes:
    """Return what `name-data` embeds or `name` points to, relative to the kubeconfig's folder."""
    if entry.get(f"{name}-data"):
        try:
            return base64.b64decode(entry[f"{name}-data"], validate=True)
        except binascii.Error as error:
            raise KubeconfigError(f"{name}-data is not base64") from error
    return (folder / entry[name]).read_bytes() if entry.get(name) else b""
