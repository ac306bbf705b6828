"""The certificate authorities that a controller manager's flags name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kubern.controllers.certificates.authority import Authority
from kubern.controllers.certificates.signers import SIGNERS

Files = tuple[Path | None, Path | None]
"""A certificate's file and its key's."""


def read_authorities(every: Files, single: Mapping[str, Files], duration: float) -> dict[str, Authority]:
    """Return the authority of each signer: of `every` one, or of those that have files of their own; never both kinds.

    `duration` is in seconds. Raises `OSError`, and `ValueError` for half a pair and for both kinds.
    """
    given = {signer: files for signer, files in single.items() if files != (None, None)}
    if given and every != (None, None):
        raise ValueError("cluster-signing-cert-file and the flags of single signers exclude each other")
    chosen = given or dict.fromkeys(SIGNERS, every)
    return {signer: _read(files, duration) for signer, files in chosen.items() if files != (None, None)}


def _read(files: Files, duration: float) -> Authority:
    certificate, key = files
    if certificate is None or key is None:
        raise ValueError("a signing certificate and its key must both be named")
    return Authority(certificate.read_text(), key.read_text(), duration)
