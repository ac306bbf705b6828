"""The tokens of Secrets of type `kubernetes.io/service-account-token`: made by a controller, checked by the apiserver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubern.base.json import Obj

if TYPE_CHECKING:
    from kubern.api.token_keys import SigningKey

ISSUER = "kubernetes/serviceaccount"
TYPE = "kubernetes.io/service-account-token"
ACCOUNT, ACCOUNT_UID = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"
"""Annotations of such a Secret."""
LAST_USED, INVALID_SINCE = "kubernetes.io/legacy-token-last-used", "kubernetes.io/legacy-token-invalid-since"
"""Labels of such a Secret, each a date."""
TRACKING = "kube-apiserver-legacy-service-account-token-tracking"
"""The ConfigMap in kube-system that says, as `since`, from which date on LAST_USED has been written."""
DATE = "%Y-%m-%d"
CLAIM = "kubernetes.io/serviceaccount/"


def legacy_token(key: SigningKey, account: Obj, secret_name: str) -> str:
    """Sign the token of a Secret: it never expires, the Secret is its life."""
    import jwt

    metadata = account["metadata"]
    claims = {
        "iss": ISSUER,
        CLAIM + "namespace": metadata["namespace"],
        CLAIM + "secret.name": secret_name,
        CLAIM + "service-account.name": metadata["name"],
        CLAIM + "service-account.uid": metadata.get("uid", ""),
        "sub": f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}",
    }
    return jwt.encode(claims, key.key, key.algorithm, {"kid": key.id})
