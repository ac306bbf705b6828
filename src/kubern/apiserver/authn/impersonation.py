"""Acting as somebody else (`kubectl --as`): the Impersonate-* headers, each name of which the caller must be allowed to use.

Called by `chain` after the caller is known. Source: the Kubernetes documentation, "User impersonation".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import unquote

from kubern.apiserver.audit.record import identified
from kubern.apiserver.authn.chain import authenticated
from kubern.apiserver.authn.service_account import PREFIX, service_account_groups
from kubern.apiserver.identity import ANONYMOUS, UNAUTHENTICATED, Decision, User
from kubern.apiserver.request_info import RequestInfo
from kubern.base.errors import Forbidden, InternalError
from kubern.http.contract import Request

_GROUP = "authentication.k8s.io"
_EXTRA = "impersonate-extra-"

Authorize = Callable[[User, RequestInfo], Decision]
Refusal = Callable[[User, RequestInfo, str], Forbidden]


class Impersonation:
    """A `chain.Impersonate`. `authorize` decides synchronously; `refusal` makes the 403."""

    def __init__(self, authorize: Authorize, refusal: Refusal) -> None:
        self._authorize = authorize
        self._refusal = refusal

    def __call__(self, request: Request, user: User) -> User:
        """Return whom the request acts as; the caller itself without the headers. Raises `Forbidden`."""
        headers = request.headers
        name = headers.get("impersonate-user", "")
        groups = _values(headers.get("impersonate-group", ""))
        uid = headers.get("impersonate-uid", "")
        extra = {
            unquote(key[len(_EXTRA) :]).lower(): _values(value)
            for key, value in headers.items()
            if key.startswith(_EXTRA)
        }
        if not name:
            if groups or uid or extra:
                raise InternalError(
                    f'Internal Server Error: "{request.path}": requested impersonation without impersonating a user'
                )
            return user
        identified(user)
        acting = User(name, groups, uid, extra)
        for info in _asked(acting):
            decision = self._authorize(user, info)
            if not decision.allowed:
                raise self._refusal(user, info, decision.reason)
        return _completed(acting)


def _asked(acting: User) -> Iterator[RequestInfo]:
    """Yield one question for each thing that the caller claims to be."""
    account = _account(acting.name)
    if account:
        yield RequestInfo(True, "impersonate", "", "", "v1", account[0], "serviceaccounts", account[1])
    else:
        yield RequestInfo(True, "impersonate", "", "", "v1", "", "users", acting.name)
    for group in acting.groups:
        yield RequestInfo(True, "impersonate", "", "", "v1", "", "groups", group)
    if acting.uid:
        yield RequestInfo(True, "impersonate", "", _GROUP, "v1", "", "uids", acting.uid)
    for key, values in acting.extra.items():
        for value in values:
            yield RequestInfo(True, "impersonate", "", _GROUP, "v1", "", "userextras", value, key)


def _completed(acting: User) -> User:
    """Add the groups that such a user has whenever it comes by itself."""
    account = _account(acting.name)
    if account and not acting.groups:
        acting = acting._replace(groups=service_account_groups(account[0]))
    if acting.name == ANONYMOUS.name:
        return acting if UNAUTHENTICATED in acting.groups else acting._replace(groups=(*acting.groups, UNAUTHENTICATED))
    return authenticated(acting)


def _account(name: str) -> tuple[str, str] | None:
    namespace, _, account = name.removeprefix(PREFIX).partition(":")
    return (namespace, account) if name.startswith(PREFIX) and namespace and account else None


def _values(header: str) -> tuple[str, ...]:
    """Split a header that was sent several times: the connection joins its values with commas."""
    return tuple(value.strip() for value in header.split(",") if value.strip())
