"""Reads a kubeconfig into what a connection to the apiserver needs."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple

from kubern.http.kubeconfig import read_target, tls_of, token_file


class KubeconfigError(ValueError):
    """The file does not say how to reach a cluster; the message says what is missing."""


class Access(NamedTuple):
    """Where the apiserver is, and how to show who one is."""

    server: str
    tls: ssl.SSLContext
    token: str = ""
    token_file: Path | None = None


def load(path: Path, context: str = "", *, anonymous: bool = False) -> Access:
    """Return the access that `context` (or the current one) describes, `anonymous` without its user's credentials. Raises
    `KubeconfigError`, `OSError`."""
    try:
        target = read_target(path, context)
        if anonymous:
            target = target._replace(user={})
        tls = tls_of(path.parent, target)
    except ValueError as error:
        raise KubeconfigError(f"{path}: {error}") from error
    user = target.user
    return Access(target.cluster["server"].rstrip("/"), tls, user.get("token", ""), token_file(path.parent, user))
