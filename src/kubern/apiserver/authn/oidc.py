"""ID tokens of an OpenID Connect provider: the flags --oidc-*.

Called by `bearer`; `oidc_keys` keeps the provider's keys. What always holds: a token is looked at only when it states our
issuer, and believed only when its signature, audience, times and required claims are right. Source: OpenID Connect Core 1.0,
"ID Token Validation"; Kubernetes documentation, "OpenID Connect Tokens".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from jwt.types import Options

from kubern.apiserver.authn.bearer import Known
from kubern.apiserver.identity import User
from kubern.base.clock import Clock
from kubern.base.errors import Unauthorized

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512")
_NO_PREFIX = "-"


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """What the flags --oidc-* say; each field is a flag's name without its beginning."""

    issuer_url: str
    client_id: str
    username_claim: str = "sub"
    username_prefix: str = ""
    """Empty: the issuer and `#`, or nothing when the claim is `email`; `-`: nothing."""
    groups_claim: str = ""
    groups_prefix: str = ""
    ca_file: Path | None = None
    signing_algs: tuple[str, ...] = ("RS256",)
    required_claims: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check. Raises `ValueError` that names the flag."""
        if not self.issuer_url.startswith("https://"):
            raise ValueError(f"--oidc-issuer-url: {self.issuer_url!r} must be an https address")
        if not self.client_id:
            raise ValueError("--oidc-client-id must be set together with --oidc-issuer-url")
        unknown = sorted(set(self.signing_algs) - set(ALGORITHMS))
        if unknown:
            raise ValueError(f"--oidc-signing-algs: {unknown[0]!r} is none of {', '.join(ALGORITHMS)}")

    @property
    def prefix(self) -> str:
        """What is put before a user's name."""
        if self.username_prefix:
            return "" if self.username_prefix == _NO_PREFIX else self.username_prefix
        return "" if self.username_claim == "email" else f"{self.issuer_url}#"


FindKey = Callable[[str], Any | None]
"""The provider's public key of an id (empty: the only one), or None. Raises `Unauthorized` before the keys are known."""


class OidcTokens:
    """A `bearer.Checker`."""

    def __init__(self, settings: OidcSettings, find_key: FindKey, clock: Clock) -> None:
        self._settings = settings
        self._find_key = find_key
        self._clock = clock

    def __call__(self, token: str, audiences: Sequence[str]) -> Known | None:
        """Return whom the token speaks of; None for a token of another issuer. Raises `Unauthorized`."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
            head = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            return None
        if claims.get("iss") != self._settings.issuer_url:
            return None
        self._verify(token, head)
        self._check(claims)
        return Known(self._user(claims))

    def _verify(self, token: str, head: Mapping[str, Any]) -> None:
        algorithm = head.get("alg")
        if algorithm not in self._settings.signing_algs:
            raise Unauthorized(
                f"oidc: the token is signed with {algorithm!r}, which --oidc-signing-algs does not allow"
            )
        key = self._find_key(str(head.get("kid") or ""))
        if key is None:
            raise Unauthorized("oidc: the token is signed with a key that the provider does not publish")
        try:
            # times and audience are checked here, by the server's own clock
            jwt.decode(token, key, algorithms=[algorithm], options=_SIGNATURE_ONLY)
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise Unauthorized(f"oidc: verify token: {error}") from error

    def _check(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now().timestamp()
        expires, begins = claims.get("exp"), claims.get("nbf", 0)
        if not isinstance(expires, int | float) or now >= expires:
            raise Unauthorized("oidc: verify token: the token is expired")
        if not isinstance(begins, int | float) or now < begins:
            raise Unauthorized("oidc: verify token: the token is not valid yet")
        stated = claims.get("aud")
        if self._settings.client_id not in (stated if isinstance(stated, list) else [stated]):
            raise Unauthorized(f"oidc: verify token: expected audience {self._settings.client_id!r} got {stated!r}")
        for name, value in self._settings.required_claims.items():
            if claims.get(name) != value:
                raise Unauthorized(f"oidc: required claim {name} value does not match")

    def _user(self, claims: Mapping[str, Any]) -> User:
        settings = self._settings
        name = claims.get(settings.username_claim)
        if not isinstance(name, str) or not name:
            raise Unauthorized(f"oidc: the claim {settings.username_claim!r} is missing or no string")
        if settings.username_claim == "email" and claims.get("email_verified", True) is not True:
            raise Unauthorized("oidc: email not verified")
        extra: dict[str, Sequence[str]] = {}
        if isinstance(claims.get("jti"), str):
            extra["authentication.kubernetes.io/credential-id"] = (f"JTI={claims['jti']}",)
        return User(settings.prefix + name, self._groups(claims), "", extra)

    def _groups(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        stated = claims.get(self._settings.groups_claim) if self._settings.groups_claim else None
        if stated is None:
            return ()
        groups = [stated] if isinstance(stated, str) else stated
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            raise Unauthorized(f"oidc: the claim {self._settings.groups_claim!r} must be a string or a list of strings")
        return tuple(self._settings.groups_prefix + group for group in groups)


_SIGNATURE_ONLY: Options = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
