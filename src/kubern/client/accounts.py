"""Clients that act as service accounts: each shows a token of its account, which whoever makes them asks the API for.

Used where a program does several persons' work (`--use-service-account-credentials`), so that roles, audit and flow control tell them
apart. Source: the Kubernetes documentation, "Managing Service Accounts" (TokenRequest) and "kube-controller-manager".
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from kubern.base.clock import Clock, parse_time
from kubern.base.errors import AlreadyExists, NotFound
from kubern.base.json import Obj
from kubern.client.client import ApiClient
from kubern.client.contract import GVR, Client
from kubern.client.transport_https import HttpsTransport

NAMESPACE = "kube-system"
LASTS = 3600
"""Seconds that a token is asked for."""
LEAST = 600.0
"""What a token is taken to last at least, whatever the clocks of both sides say."""
USED = 0.8
"""The share of its time after which a token is replaced."""
_SERVICE_ACCOUNTS = GVR("", "v1", "serviceaccounts")


def username(account: str) -> str:
    """Return the user that an account of kube-system is."""
    return f"system:serviceaccount:{NAMESPACE}:{account}"


class _Held(NamedTuple):
    token: str
    until: float


class AccountToken:
    """The token of one account, asked for when it is first needed and when its time is about to end; an account that is missing is made.

    `root` may make accounts and tokens in kube-system.
    """

    def __init__(self, root: Client, account: str, clock: Clock) -> None:
        self._root = root
        self._account = account
        self._clock = clock
        self._held: _Held | None = None
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        """Return a token that is good. Raises `StatusError` where none can be had."""
        async with self._asking:
            if self._held is None or self._clock.monotonic() >= self._held.until:
                self._held = self._taken(await self._asked())
            return self._held.token

    def refused(self, token: str) -> None:
        """Take note that the API no longer knows a token: its account may be another by now."""
        if self._held is not None and self._held.token == token:
            self._held = None

    def _taken(self, status: Obj) -> _Held:
        left = (parse_time(status["expirationTimestamp"]) - self._clock.now()).total_seconds()
        return _Held(status["token"], self._clock.monotonic() + max(left, LEAST) * USED)

    async def _asked(self) -> Obj:
        try:
            return await self._request()
        except NotFound:
            meta = {"name": self._account, "namespace": NAMESPACE}
            try:
                await self._root.create(
                    _SERVICE_ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}
                )
            except AlreadyExists:  # another replica was faster
                pass
            return await self._request()

    async def _request(self) -> Obj:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "metadata": {},
            "spec": {"expirationSeconds": LASTS},
        }
        answer = await self._root.create(_SERVICE_ACCOUNTS, body, NAMESPACE, name=self._account, subresource="token")
        status: Obj = answer["status"]
        return status


class AccountClients:
    """Makes the clients of a program, one an account; they share the connections of `transport`, which has no credentials of its own.

    Their user agent is the program's with the account's user after it, as upstream's.
    """

    def __init__(self, root: Client, transport: HttpsTransport, clock: Clock) -> None:
        self._root = root
        self._transport = transport
        self._clock = clock
        self._made: dict[str, ApiClient] = {}

    def __call__(self, account: str) -> Client:
        """Return the client that acts as an account of kube-system."""
        if account not in self._made:
            bearer = AccountToken(self._root, account, self._clock)
            self._made[account] = ApiClient(self._transport.acting_as(bearer, username(account)))
        return self._made[account]
