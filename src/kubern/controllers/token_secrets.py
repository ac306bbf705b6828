"""Whose account a token's Secret is. Used by the two controllers of such Secrets. Pure."""

from __future__ import annotations

from kubern.api.legacy_token import ACCOUNT, ACCOUNT_UID
from kubern.base.json import Obj


def notes(secret: Obj) -> Obj:
    """Return a Secret's annotations."""
    return secret["metadata"].get("annotations") or {}


def account_name(secret: Obj) -> str:
    """Return the name of the account that a Secret names, empty when it names none."""
    return str(notes(secret).get(ACCOUNT) or "")


def account_of(secret: Obj, account: Obj | None) -> Obj | None:
    """Return the account if it is the one that the Secret means: another of the same name may have come after it."""
    uid = notes(secret).get(ACCOUNT_UID)
    return account if account is not None and uid in (None, "", account["metadata"]["uid"]) else None
