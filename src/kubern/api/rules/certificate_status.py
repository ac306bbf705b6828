"""What may be written into a certificate signing request's status, through `/approval` and through `/status`. Wording is upstream's.

What always holds: only `/approval` approves or denies, only `/status` hands a certificate out, and neither is taken back.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from kubern.api import field
from kubern.api.podspec.update import difference
from kubern.api.rules.values import part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_CONDITIONS, _CERTIFICATE = "status.conditions", "status.certificate"
_DECISIONS = ("Approved", "Denied")
_FINAL = (*_DECISIONS, "Failed")
_STATUSES = ("False", "True", "Unknown")
_BLOCK = re.compile(rb"-----BEGIN ([^-]+)-----(.*?)-----END \1-----", re.DOTALL)


def check_request_status(new: Obj, old: Obj, *, approval: bool = False) -> list[Cause]:
    """Return what is wrong with a request's new status; `approval` says through which path it comes."""
    status, before = part(new, "status"), part(old, "status")
    conditions, had = status.get("conditions") or [], before.get("conditions") or []
    causes = [*_check_form(conditions, had), *_check_kept(conditions, had, approval)]
    now, was = status.get("certificate") or "", before.get("certificate") or ""
    if now == was:
        return causes
    if approval:
        return [*causes, field.forbidden(_CERTIFICATE, "updates may not set certificate content")]
    if was:
        return [*causes, field.forbidden(_CERTIFICATE, "updates may not modify existing certificate content")]
    problem = _certificate_problem(now)
    return causes + ([field.invalid(_CERTIFICATE, "<certificate data>", problem)] if problem else [])


def _of(conditions: list[Obj], kind: str) -> list[Obj]:
    return [condition for condition in conditions if condition.get("type") == kind]


def _check_form(conditions: list[Obj], had: list[Obj]) -> Iterator[Cause]:
    seen: list[str] = []
    for i, condition in enumerate(conditions):
        kind, status, path = condition.get("type") or "", condition.get("status") or "", f"{_CONDITIONS}[{i}]"
        allowed = ("True",) if kind in _FINAL else _STATUSES
        if not kind and not _of(had, ""):
            yield field.required(f"{path}.type", "")
        if not status:
            yield field.required(f"{path}.status", "")
        elif status not in allowed:
            yield field.not_supported(f"{path}.status", status, allowed)
        if kind in _DECISIONS and any(other in seen for other in _DECISIONS if other != kind):
            yield field.invalid(_CONDITIONS, kind, "Approved and Denied conditions are mutually exclusive")
        if kind in seen:
            yield field.duplicate(f"{path}.type", kind)
        seen.append(kind)


def _check_kept(conditions: list[Obj], had: list[Obj], approval: bool) -> Iterator[Cause]:
    for kind in _FINAL:
        now, before = _of(conditions, kind), _of(had, kind)
        if len(now) < len(before):
            yield field.forbidden(_CONDITIONS, f'updates may not remove a condition of type "{kind}"')
        elif approval or kind not in _DECISIONS:
            continue
        elif len(now) > len(before):
            yield field.forbidden(_CONDITIONS, f'updates may not add a condition of type "{kind}"')
        elif now != before:
            message = f'updates may not modify a condition of type "{kind}"\n{difference(before, now)}'
            yield field.forbidden(_CONDITIONS, message)


def _certificate_problem(encoded: str) -> str:
    """Return why a certificate is none: it is PEM, of certificates alone."""
    # signing is rare and cryptography is large: it is imported when a certificate is handed out
    from cryptography import x509

    try:
        pem = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        return str(error)
    blocks = _BLOCK.findall(pem)
    if not blocks:
        return "must contain at least one CERTIFICATE PEM block"
    for kind, body in blocks:
        if kind != b"CERTIFICATE":
            return f"only CERTIFICATE PEM blocks are allowed, found {field.quote(kind.decode(errors='replace'))}"
        if b":" in body:
            return "no PEM block headers are permitted"
    try:
        x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        return str(error)
    return ""
