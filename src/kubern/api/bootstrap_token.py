"""Bootstrap tokens: Secrets by which nodes join. What one holds, for the authenticator and the two controllers. Pure.

Source: the Kubernetes documentation, "Authenticating with Bootstrap Tokens".
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime

from kubern.base.clock import parse_time
from kubern.base.json import Obj

NAMESPACE = "kube-system"
TYPE = "bootstrap.kubernetes.io/token"
PREFIX = "bootstrap-token-"
GROUP = "system:bootstrappers"
USER = "system:bootstrap:"

_TOKEN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")


def parts(token: str) -> tuple[str, str] | None:
    """Return a token's id and secret; None for what has another shape."""
    found = _TOKEN.fullmatch(token)
    return (found[1], found[2]) if found else None


def held(secret: Obj, key: str) -> str:
    """Return one value of a Secret as text, empty when it is not there or no text."""
    try:
        return base64.b64decode((secret.get("data") or {}).get(key) or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def seconds_left(secret: Obj, now: datetime) -> float | None:
    """Return how long a token holds; None: for ever. One whose end cannot be read has ended."""
    text = held(secret, "expiration")
    if not text:
        return None
    try:
        return (parse_time(text) - now).total_seconds()
    except ValueError:
        return 0.0


def expired(secret: Obj, now: datetime) -> bool:
    """Whether a token's time is over."""
    left = seconds_left(secret, now)
    return left is not None and left <= 0


def groups(secret: Obj) -> tuple[str, ...]:
    """Return the groups of who shows the token, in order. Raises `ValueError` for one that tokens may not give."""
    found = {GROUP}
    for group in filter(None, held(secret, "auth-extra-groups").split(",")):
        if not _GROUP.fullmatch(group):
            raise ValueError(f"bootstrap group {group!r} is invalid (must match {_GROUP.pattern})")
        found.add(group)
    return tuple(sorted(found))


def valid_for(secret: Obj, usage: str, now: datetime) -> tuple[str, str] | None:
    """Return id and secret of a token that may be used for `usage` (`authentication`, `signing`) now, else None."""
    if secret.get("type") != TYPE or secret["metadata"].get("deletionTimestamp"):
        return None
    pair = parts(f"{held(secret, 'token-id')}.{held(secret, 'token-secret')}")
    if pair is None or secret["metadata"]["name"] != PREFIX + pair[0]:
        return None
    if expired(secret, now) or held(secret, f"usage-bootstrap-{usage}") != "true":
        return None
    return pair
