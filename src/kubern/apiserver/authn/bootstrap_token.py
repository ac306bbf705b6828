"""Authentication by bootstrap token: `ID.SECRET`, as long as the Secret `bootstrap-token-ID` in kube-system says so."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from kubern.api.bootstrap_token import NAMESPACE, PREFIX, USER, groups, parts, valid_for
from kubern.apiserver.authn.bearer import Known
from kubern.apiserver.authn.service_account import Lookup
from kubern.apiserver.identity import User
from kubern.base.clock import Clock


class BootstrapTokens:
    """A `bearer.Checker`."""

    def __init__(self, lookup: Lookup, clock: Clock) -> None:
        self._lookup = lookup
        self._clock = clock

    def __call__(self, token: str, audiences: Sequence[str]) -> Known | None:
        """Return the token's user; None for what is no such token, or none that may be used now."""
        shown = parts(token)
        if shown is None:
            return None
        secret = self._lookup("secrets", NAMESPACE, PREFIX + shown[0])
        valid = valid_for(secret, "authentication", self._clock.now()) if secret is not None else None
        if secret is None or valid is None or not hmac.compare_digest(valid[1], shown[1]):
            return None
        try:
            found = groups(secret)
        except ValueError:
            return None  # one group that it may not give spoils the token
        return Known(User(USER + shown[0], found))
