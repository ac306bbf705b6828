"""Who may see what of a port: delegated to the apiserver, as TokenReview and SubjectAccessReview; and front proxies, which it names.

Called by `port` for every request, and by the kubelet's API. What always holds: answers of the apiserver, yes or no, are remembered for
at most `REMEMBERED` seconds, and of at most `MOST` tokens and questions; without a client nobody is known by a token, and nobody is
allowed anything but the paths that are open to all. Source: the Kubernetes documentation of kube-scheduler's --authentication-… and
--authorization-… flags.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from kubern.base.clock import Clock
from kubern.base.errors import Forbidden, InternalError, StatusError, Unauthorized
from kubern.client.contract import GVR, Client
from kubern.diagnostics.front_proxy import FrontProxies
from kubern.http.contract import Peer, Request

TOKEN_REVIEWS = GVR("authentication.k8s.io", "v1", "tokenreviews")
ACCESS_REVIEWS = GVR("authorization.k8s.io", "v1", "subjectaccessreviews")
REMEMBERED = 10.0
MOST = 1024
OPEN = ("/healthz", "/readyz", "/livez")
"""Paths that need no rights, unless flags say otherwise."""
ANONYMOUS, UNAUTHENTICATED, AUTHENTICATED = "system:anonymous", "system:unauthenticated", "system:authenticated"
MASTERS = "system:masters"

V = TypeVar("V")

Question = tuple[str, tuple[tuple[str, str], ...]]
"""What a SubjectAccessReview asks: `nonResourceAttributes` or `resourceAttributes`, and these."""


class Identity(NamedTuple):
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


_NOBODY = Identity(ANONYMOUS, (UNAUTHENTICATED,))


class Access:
    """Authenticates and authorizes. `authentication` and `authorization` are clients with the right to make the reviews."""

    def __init__(
        self,
        clock: Clock,
        authentication: Client | None,
        authorization: Client | None,
        always_allow_paths: Sequence[str] = OPEN,
    ) -> None:
        self.proxies = FrontProxies()
        """Who may ask for others by headers: nobody until it is told."""
        self._authentication, self._authorization = authentication, authorization
        self._exact = {path for path in always_allow_paths if not path.endswith("*")}
        self._below = tuple(path[:-1] for path in always_allow_paths if path.endswith("*"))
        self._tokens: _Memory[Identity | None] = _Memory(clock)
        self._decisions: _Memory[tuple[bool, str]] = _Memory(clock)

    async def check(self, request: Request) -> None:
        """Return if the request may be answered. Raises `Unauthorized`, `Forbidden`, `InternalError`."""
        who = await self.identify(request)
        path = request.path
        if path in self._exact or (self._below and path.startswith(self._below)) or MASTERS in who.groups:
            return
        verb = request.method.lower()
        allowed, reason = await self.decide(who, ("nonResourceAttributes", (("path", path), ("verb", verb))))
        if not allowed:
            message = f'forbidden: User "{who.name}" cannot {verb} path "{path}"'
            raise Forbidden(message + (f": {reason}" if reason else ""))

    async def identify(self, request: Request) -> Identity:
        """Return who asks, by a front proxy, certificate or token; nobody in particular without any. Raises `Unauthorized`,
        `InternalError`."""
        if request.peer.refused_certificate:
            raise Unauthorized("Unauthorized")
        known = self._by_certificate(request) if request.peer.certificate else None
        if known is not None:
            return known
        who = await self._by_token(request)
        if who is _NOBODY and request.peer.certificate:
            raise Unauthorized("Unauthorized")
        return who

    def _by_certificate(self, request: Request) -> Identity | None:
        """Return whom a certificate names, or whom its holder asks for; None when it is good for neither."""
        holder = self.proxies.holder(request.peer)
        asked = self.proxies.user(request) if holder.proxy else None
        if asked is not None:
            groups = asked.groups if AUTHENTICATED in asked.groups else (*asked.groups, AUTHENTICATED)
            return Identity(asked.name, groups, asked.uid, tuple(asked.extra.items()))
        return _certified(request.peer) if holder.user else None

    async def _by_token(self, request: Request) -> Identity:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if kind.lower() != "bearer" or not token or self._authentication is None:
            return _NOBODY
        key = hashlib.sha256(token.encode()).digest()
        found = self._tokens.get(key)
        if found is None:
            found = self._tokens.put(key, await self._review(self._authentication, token))
        if found[0] is None:
            raise Unauthorized("Unauthorized")
        return found[0]

    async def _review(self, client: Client, token: str) -> Identity | None:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        try:
            status = (await client.create(TOKEN_REVIEWS, review)).get("status") or {}
        except StatusError as error:
            raise InternalError(f"the token could not be reviewed: {error.message}") from error
        if not status.get("authenticated"):
            return None
        user = status.get("user") or {}
        groups = [*(user.get("groups") or ())]
        if AUTHENTICATED not in groups:
            groups.append(AUTHENTICATED)
        extra = tuple((key, tuple(values)) for key, values in (user.get("extra") or {}).items())
        return Identity(user.get("username", ""), tuple(groups), user.get("uid", ""), extra)

    async def decide(self, who: Identity, question: Question) -> tuple[bool, str]:
        """Return whether somebody may do something, and why (or why not). Raises `InternalError`."""
        if self._authorization is None:
            return False, ""
        key = (who, question)
        found = self._decisions.get(key)
        if found is None:
            found = self._decisions.put(key, await self._ask(self._authorization, who, question))
        return found[0]

    async def _ask(self, client: Client, who: Identity, question: Question) -> tuple[bool, str]:
        kind, attributes = question
        spec = {
            "user": who.name,
            "groups": [*who.groups],
            "uid": who.uid,
            "extra": {name: [*values] for name, values in who.extra},
            kind: dict(attributes),
        }
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        try:
            status = (await client.create(ACCESS_REVIEWS, review)).get("status") or {}
        except StatusError as error:
            raise InternalError(f"the access could not be reviewed: {error.message}") from error
        return bool(status.get("allowed")), status.get("reason") or ""


class _Memory(Generic[V]):
    """Answers for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[object, tuple[float, V]] = {}

    def get(self, key: object) -> tuple[V] | None:
        """Return an answer that is young enough, as a tuple of it alone."""
        held = self._held.get(key)
        return (held[1],) if held is not None and held[0] > self._clock.monotonic() else None

    def put(self, key: object, value: V) -> tuple[V]:
        """Remember an answer."""
        if len(self._held) >= MOST:
            self._held.clear()
        self._held[key] = (self._clock.monotonic() + REMEMBERED, value)
        return (value,)


def _certified(peer: Peer) -> Identity:
    """Return whom a verified certificate names; it is read once a connection."""
    memo = peer.memo if peer.memo is not None else {}
    if "identity" not in memo:
        from cryptography import x509
        from cryptography.x509.oid import NameOID

        subject = x509.load_der_x509_certificate(peer.certificate).subject
        names = [str(each.value) for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        groups = tuple(str(each.value) for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))
        memo["identity"] = Identity(names[0] if names else "", (*groups, AUTHENTICATED))
    found: Identity = memo["identity"]
    return found
