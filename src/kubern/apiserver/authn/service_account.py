"""Service-account tokens: issued for TokenRequest, and checked when a request carries one.

What always holds: a token is worth no more than what it is bound to. When its service account, pod, secret or node is gone,
has another uid, or was deleted more than a minute ago, so is the token. Source: the Kubernetes documentation, "Managing Service
Accounts", and the claims of a token that upstream issued.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import jwt

from kubern.api.legacy_token import CLAIM, INVALID_SINCE, ISSUER
from kubern.api.token_keys import SigningKey, VerifyingKey
from kubern.apiserver.authn.bearer import Known
from kubern.apiserver.identity import User
from kubern.base.clock import Clock, parse_time
from kubern.base.errors import Unauthorized
from kubern.base.json import Obj

PREFIX = "system:serviceaccount:"
LEEWAY = timedelta(seconds=60)
"""How long a token outlives what it is bound to."""
_WARN_ONLY = 3607
"""The odd expiry in seconds that marks the projected tokens of pods; upstream extends those to a year and counts late users."""
_EXTENDED = 365 * 24 * 3600
_EXTRA = "authentication.kubernetes.io/"

Lookup = Callable[[str, str, str], Obj | None]
"""(plural, namespace, name) → the core/v1 object, read only; namespace "" for nodes."""


class Issued(NamedTuple):
    """A new token and the expiry that its receiver is told."""

    token: str
    expiration: datetime


class TokenIssuer:
    """Signs tokens. `new_id` returns a fresh uuid; `audiences` are the apiserver's own."""

    def __init__(
        self, key: SigningKey, *, issuer: str, audiences: Sequence[str], clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self._key = key
        self._issuer = issuer
        self._audiences = tuple(audiences)
        self._clock = clock
        self._new_id = new_id

    def issue(
        self,
        account: Obj,
        *,
        audiences: Sequence[str] = (),
        expiration_seconds: int = 3600,
        bound: tuple[str, Obj] | None = None,
        node: Obj | None = None,
    ) -> Issued:
        """Sign a token for a service account.

        `bound` is ("pod" | "secret" | "node", that object); `node` is the node of a bound pod. The caller has checked the
        request (at least 600 seconds, the bound object's uid).
        """
        now = int(self._clock.now().timestamp())
        metadata = account["metadata"]
        private: dict[str, Any] = {"namespace": metadata["namespace"], "serviceaccount": _reference(account)}
        if bound:
            private[bound[0]] = _reference(bound[1])
        if node:
            private["node"] = _reference(node)
        life = expiration_seconds
        wanted = tuple(audiences) or self._audiences
        if life == _WARN_ONLY and set(wanted) <= set(self._audiences):
            life, private["warnafter"] = _EXTENDED, now + _WARN_ONLY
        claims = {
            "aud": list(wanted),
            "exp": now + life,
            "iat": now,
            "iss": self._issuer,
            "jti": self._new_id(),
            "kubernetes.io": private,
            "nbf": now,
            "sub": f"{PREFIX}{metadata['namespace']}:{metadata['name']}",
        }
        return Issued(self._sign(claims), datetime.fromtimestamp(now + expiration_seconds, self._clock.now().tzinfo))

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._key.key, self._key.algorithm, {"kid": self._key.id})


class ServiceAccountTokens:
    """A `bearer.Checker`."""

    def __init__(
        self,
        keys: Sequence[VerifyingKey],
        *,
        issuer: str,
        lookup: Lookup,
        clock: Clock,
        used: Callable[[Obj], None] = lambda secret: None,
    ) -> None:
        """`used` is told the Secret of each legacy token that is taken."""
        self._used = used
        self._keys = {key.id: key for key in keys}
        self._issuer = issuer
        self._lookup = lookup
        self._clock = clock

    def __call__(self, token: str, audiences: Sequence[str]) -> Known | None:
        """Return the token's service account; `None` for what is not a token of this issuer. Raises `Unauthorized`."""
        try:
            stated = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            return None
        if stated.get("iss") not in (self._issuer, ISSUER):
            return None
        claims = self._verified(token)
        if claims["iss"] == ISSUER:
            return Known(self._legacy_user(claims, token), tuple(audiences))
        return self._known(claims, audiences)

    def _verified(self, token: str) -> dict[str, Any]:
        """Check the signature; times are checked against the injected clock elsewhere."""
        header = jwt.get_unverified_header(token)
        named = self._keys.get(header.get("kid", ""))
        for key in (named,) if named else self._keys.values():
            if header.get("alg") != key.algorithm:
                continue
            try:
                return jwt.decode(
                    token,
                    key.key,
                    algorithms=[key.algorithm],
                    options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
                )
            except jwt.PyJWTError:
                continue
        raise Unauthorized("invalid signature")

    def _known(self, claims: Mapping[str, Any], audiences: Sequence[str]) -> Known:
        self._check_times(claims)
        private = claims.get("kubernetes.io")
        if not isinstance(private, dict):
            raise Unauthorized("service account token lacks the kubernetes.io claim")
        stated = _strings(claims.get("aud"))
        common = tuple(audience for audience in audiences if audience in stated)
        if not common:
            raise Unauthorized(f"token audiences {list(stated)} is invalid for the target audiences {list(audiences)}")
        namespace, account = str(private.get("namespace", "")), _bound_to(private, "serviceaccount")
        if account is None:
            raise Unauthorized("service account token names no service account")
        name = self._subject(claims, namespace, account["name"])
        self._check_bound("serviceaccounts", namespace, account)
        extra: dict[str, Sequence[str]] = {}
        if claims.get("jti"):
            extra[_EXTRA + "credential-id"] = (f"JTI={claims['jti']}",)
        for kind, place in (("pod", namespace), ("secret", namespace), ("node", "")):
            bound = _bound_to(private, kind)
            if bound is None:
                continue
            # the node of a pod is told, not checked: the pod is what the token lives by
            if kind != "node" or not private.get("pod"):
                self._check_bound(kind + "s", place, bound)
            if kind != "secret":
                extra[f"{_EXTRA}{kind}-name"] = (bound["name"],)
                if bound["uid"]:
                    extra[f"{_EXTRA}{kind}-uid"] = (bound["uid"],)
        return Known(_user(namespace, name, account["uid"], extra), common)

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now().timestamp()
        expires, begins = claims.get("exp"), claims.get("nbf", 0)
        if not isinstance(expires, int | float) or now > expires:
            raise Unauthorized("service account token has expired")
        if not isinstance(begins, int | float) or now < begins - LEEWAY.total_seconds():
            raise Unauthorized("service account token is not valid yet")

    def _subject(self, claims: Mapping[str, Any], namespace: str, name: str) -> str:
        if claims.get("sub") != f"{PREFIX}{namespace}:{name}":
            raise Unauthorized("the token's subject and service account differ")
        return name

    def _check_bound(self, plural: str, namespace: str, reference: Mapping[str, str]) -> Obj:
        """Return the object that a token is bound to. Raises `Unauthorized` when it is gone or another."""
        held = self._lookup(plural, namespace, reference["name"])
        if held is None:
            raise Unauthorized(f"{plural} {reference.get('name')} of the token does not exist")
        metadata = held["metadata"]
        if reference.get("uid") and reference["uid"] != metadata.get("uid"):
            raise Unauthorized(f"{plural} {reference.get('name')} of the token has another uid")
        deleted = metadata.get("deletionTimestamp")
        if deleted and parse_time(deleted) < self._clock.now() - LEEWAY:
            raise Unauthorized(f"{plural} {reference.get('name')} of the token has been deleted")
        return held

    def _legacy_user(self, claims: Mapping[str, Any], token: str) -> User:
        namespace, name = str(claims.get(CLAIM + "namespace", "")), str(claims.get(CLAIM + "service-account.name", ""))
        uid, secret_name = (
            str(claims.get(CLAIM + "service-account.uid", "")),
            str(claims.get(CLAIM + "secret.name", "")),
        )
        self._subject(claims, namespace, name)
        secret = self._check_bound("secrets", namespace, {"name": secret_name})
        if secret["metadata"].get("deletionTimestamp"):
            raise Unauthorized("token has been invalidated")
        if _decoded_token(secret) != token:
            raise Unauthorized("token does not match server's copy")
        self._check_bound("serviceaccounts", namespace, {"name": name, "uid": uid})
        if (secret["metadata"].get("labels") or {}).get(INVALID_SINCE):
            raise Unauthorized(
                f"the token in secret {namespace}/{secret_name} for service account {namespace}/{name} has been marked "
                "invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the "
                f"'{INVALID_SINCE}' label from the secret to temporarily allow use of this token"
            )
        self._used(secret)
        return _user(namespace, name, uid, {})


def service_account_groups(namespace: str) -> tuple[str, ...]:
    """Return the groups of every service account of a namespace."""
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")


def _user(namespace: str, name: str, uid: str, extra: Mapping[str, Sequence[str]]) -> User:
    return User(f"{PREFIX}{namespace}:{name}", service_account_groups(namespace), uid, extra)


def _strings(value: Any) -> tuple[str, ...]:
    """Return an audience claim as a tuple: it may be one string or a list; anything else is no audience."""
    if isinstance(value, str):
        return (value,)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _bound_to(private: Mapping[str, Any], kind: str) -> dict[str, str] | None:
    """Return name and uid of what a token is bound to. Raises `Unauthorized` for a claim of another shape."""
    reference = private.get(kind)
    if reference is None:
        return None
    if not isinstance(reference, dict) or not isinstance(reference.get("name"), str):
        raise Unauthorized(f"service account token names its {kind} wrongly")
    return {"name": reference["name"], "uid": str(reference.get("uid") or "")}


def _reference(obj: Obj) -> dict[str, str]:
    return {"name": obj["metadata"]["name"], "uid": obj["metadata"].get("uid", "")}


def _decoded_token(secret: Obj) -> str:
    encoded = (secret.get("data") or {}).get("token", "")
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
