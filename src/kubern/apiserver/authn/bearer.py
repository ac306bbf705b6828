"""Bearer tokens: where a request carries one, who knows it, and how long that answer is remembered.

Called by `chain` and by TokenReview. A checked token is remembered for ten seconds, as upstream does: a revoked one lives
that much longer, and a client that sends its token with each request costs one signature check in ten seconds.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import NamedTuple

from kubern.apiserver.identity import User
from kubern.base.clock import Clock
from kubern.base.errors import Unauthorized
from kubern.http.contract import Request

REMEMBER = 10.0
_ROOM = 4096
_PROTOCOL = "base64url.bearer.authorization.k8s.io."
"""A WebSocket client in a browser cannot set headers: it offers its token as a subprotocol."""


class Known(NamedTuple):
    """A token's owner, and which of the audiences asked for it is meant for (none: it is not bound to audiences)."""

    user: User
    audiences: tuple[str, ...] = ()


Checker = Callable[[str, Sequence[str]], Known | None]
"""(token, audiences) → its owner; `None` when the token is not of this kind. Raises `Unauthorized` for a bad one of its kind."""


class BearerTokens:
    """A `chain.Method`."""

    def __init__(self, checkers: Sequence[Checker], audiences: Sequence[str], clock: Clock) -> None:
        self._checkers = tuple(checkers)
        self._audiences = tuple(audiences)
        self._clock = clock
        self._remembered: dict[str, tuple[float, Known]] = {}

    def __call__(self, request: Request) -> User | None:
        """Return the owner of the request's token. Raises `Unauthorized` when nobody knows it."""
        token = _token(request)
        if token is None:
            return None
        now = self._clock.monotonic()
        remembered = self._remembered.get(token)
        if remembered and remembered[0] > now:
            return remembered[1].user
        known = self.check(token, self._audiences)
        if len(self._remembered) >= _ROOM:
            self._remembered.clear()
        self._remembered[token] = (now + REMEMBER, known)
        return known.user

    def check(self, token: str, audiences: Sequence[str] = ()) -> Known:
        """Return the owner of `token` for any of `audiences` (empty: the apiserver's own). Raises `Unauthorized`."""
        refused: Unauthorized | None = None
        for checker in self._checkers:
            try:
                known = checker(token, audiences or self._audiences)
            except Unauthorized as error:
                refused = error
                continue
            if known:
                return known
        raise refused or Unauthorized("invalid bearer token")


def _token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        # upstream takes `Bearer` followed by nothing as no credentials at all
        return token.strip() or None
    for offered in request.headers.get("sec-websocket-protocol", "").split(","):
        if offered.strip().startswith(_PROTOCOL):
            return _decoded(offered.strip()[len(_PROTOCOL) :])
    return None


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthorized("invalid base64.bearer.authorization token encoding") from error
