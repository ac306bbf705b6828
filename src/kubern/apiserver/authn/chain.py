"""Tries every way to be known in upstream's order. Called by the pipeline once a request, before authorization.

What always holds: credentials that are there and wrong are refused (401) even when anonymous requests are allowed; whoever
is known belongs to `system:authenticated`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubern.apiserver.identity import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, User
from kubern.base.errors import Unauthorized
from kubern.http.contract import Request

Method = Callable[[Request], User | None]
"""Returns the caller, `None` when the request holds no such credentials; raises `Unauthorized` for wrong ones."""

Impersonate = Callable[[Request, User], User]


def in_process(request: Request) -> User | None:
    """Return the identity that the in-process transport states: (name, groups) or more of a `User`'s fields."""
    stated = request.peer.user
    return None if stated is None else User(*stated)


class Chain:
    """See `identity.Authenticator`."""

    def __init__(
        self, methods: Sequence[Method], *, anonymous: bool = True, impersonate: Impersonate | None = None
    ) -> None:
        self._methods = tuple(methods)
        self._anonymous = anonymous
        self._impersonate = impersonate

    def __call__(self, request: Request) -> User:
        """Return the caller. Raises `Unauthorized`, and `Forbidden` for an impersonation that is not allowed."""
        user = self._known(request)
        if user is None:
            if not self._anonymous:
                raise Unauthorized("Unauthorized")
            user = ANONYMOUS
        return self._impersonate(request, user) if self._impersonate else user

    def _known(self, request: Request) -> User | None:
        refused: Unauthorized | None = None
        for method in self._methods:
            try:
                user = method(request)
            except Unauthorized as error:
                # a later method may still know the caller: a bad certificate beside a good token is no harm upstream
                refused = error
                continue
            if user:
                return authenticated(user)
        if refused:
            raise Unauthorized("Unauthorized") from refused
        return None


def authenticated(user: User) -> User:
    """Add the group of everybody who is known."""
    if AUTHENTICATED in user.groups or UNAUTHENTICATED in user.groups or user.name == ANONYMOUS.name:
        return user
    return user._replace(groups=(*user.groups, AUTHENTICATED))
