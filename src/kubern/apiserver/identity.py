"""Who asks: the result of authentication, and the two questions that the pipeline puts to authn and authz.

Made by `authn/`, read by `authz/`, the audit fields of the verbs and SelfSubjectReview. What always holds: every request
that reaches a verb has a User; the anonymous one is a User too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kubern.base.json import Obj
from kubern.http.contract import Request

if TYPE_CHECKING:
    from kubern.apiserver.request_info import RequestInfo

AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
MASTERS = "system:masters"


class User(NamedTuple):
    """A caller: upstream's user.Info."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, Sequence[str]] = {}


def user_info(user: User) -> Obj:
    """Return a user as `authentication/v1.UserInfo`."""
    info: Obj = {"username": user.name}
    if user.uid:
        info["uid"] = user.uid
    if user.groups:
        info["groups"] = list(user.groups)
    if user.extra:
        info["extra"] = {key: list(values) for key, values in user.extra.items()}
    return info


ANONYMOUS = User("system:anonymous", (UNAUTHENTICATED,))
LOOPBACK = User("system:apiserver", (MASTERS, AUTHENTICATED))


class Decision(NamedTuple):
    """Whether a request may go on, and why (the reason is part of the 403's message)."""

    allowed: bool
    reason: str = ""


class Authenticator(Protocol):
    """Finds out who asks. Synchronous whenever nothing has to be waited for."""

    def __call__(self, request: Request, /) -> User | Awaitable[User | None] | None:
        """Return the caller, or None for a request without credentials. Raises `Unauthorized` for wrong ones."""
        ...


class Authorizer(Protocol):
    """Says whether a user may do what a request asks."""

    def __call__(self, user: User, info: RequestInfo, /) -> Decision | Awaitable[Decision]:
        """Return the decision; asked once a request, before its body is looked at."""
        ...


def allow_all(user: User, info: RequestInfo) -> Decision:
    """Allow everything: authorization mode AlwaysAllow."""
    return Decision(True)
