"""Listens for a program's port: certificate, client authority, addresses; the flags of upstream's secure serving as settings.

Called by the commands and by the control plane. What always holds: what is not asked for is not imported; the port's end is awaited.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from socket import socket
from typing import NamedTuple

from kubern.base.clock import Clock
from kubern.base.errors import StatusError
from kubern.base.introspection import Introspection
from kubern.client.contract import GVR, Client
from kubern.diagnostics.access import OPEN, Access
from kubern.diagnostics.front_proxy import FrontProxies
from kubern.diagnostics.port import About, Port
from kubern.http.server import serve
from kubern.http.tls import ServerTls

log = logging.getLogger(__name__)

AUTHENTICATION = "extension-apiserver-authentication"
"""The ConfigMap in kube-system that says whose client certificates and which front proxies the apiserver believes."""
CONFIG_MAPS = GVR("", "v1", "configmaps")
LOOK_AGAIN = 60.0
"""Seconds between two looks at it."""


class Serving(NamedTuple):
    """Where a program's HTTPS port is, and whom it believes. `secure_port` 0: there is none."""

    secure_port: int
    bind_address: str = "0.0.0.0"
    tls_cert_file: Path | None = None
    """Without it a certificate is made that nobody else knows."""
    tls_private_key_file: Path | None = None
    client_ca_file: Path | None = None
    always_allow_paths: Sequence[str] = OPEN


class Delegates(NamedTuple):
    """The clients that ask the apiserver who somebody is, and what they may."""

    authentication: Client | None = None
    authorization: Client | None = None


@asynccontextmanager
async def secure_port(
    settings: Serving,
    about: About,
    introspection: Introspection,
    clock: Clock,
    delegates: Delegates,
    sockets: list[socket] | None = None,
) -> AsyncIterator[None]:
    """Serve a program's port while the block runs, on `sockets` where there are some. Raises `CannotListen`, `OSError`."""
    access = Access(clock, delegates.authentication, delegates.authorization, settings.always_allow_paths)
    tls = _tls(settings, about.name, clock)
    async with AsyncExitStack() as opened:
        where = sockets or (settings.bind_address, settings.secure_port)
        server = await serve(Port(about, introspection, clock, access), where, tls=tls, clock=clock)
        opened.push_async_callback(server.close, 0.5)
        log.info("serving on https://%s:%d", *server.addresses[0])
        if delegates.authentication is not None:
            follower = Follower(tls, access.proxies, settings.client_ca_file)
            following = asyncio.create_task(follower.run(delegates.authentication, clock), name="client authority")
            opened.callback(following.cancel)
        yield


def _tls(settings: Serving, name: str, clock: Clock) -> ServerTls:
    if settings.tls_cert_file is not None and settings.tls_private_key_file is not None:
        return ServerTls(settings.tls_cert_file, settings.tls_private_key_file, settings.client_ca_file)
    from kubern.diagnostics.self_signed import self_signed

    certificate = self_signed(name, settings.bind_address, clock.now())
    return ServerTls(certificate, certificate, settings.client_ca_file)


class Follower:
    """Believes the client certificates and the front proxies that the apiserver believes.

    Where `users` is given, its certificates are the users', whatever the apiserver says."""

    def __init__(self, tls: ServerTls, proxies: FrontProxies, users: Path | None) -> None:
        self._tls, self._proxies, self._users = tls, proxies, users
        self._believed: set[str] = set()

    def take(self, data: Mapping[str, str]) -> None:
        """Believe whom the ConfigMap names. Raises `ValueError`, `OSError` (an authority that is none, a file that cannot be read)."""
        own = self._users.read_bytes() if self._users else b""
        # proxies are known before their certificates verify: none of them is ever taken for a user
        proxy = self._proxies.learn(data, own)
        for authority in ("" if self._users else data.get("client-ca-file", ""), proxy):
            if authority and authority not in self._believed:
                self._tls.trust(authority)
                self._believed.add(authority)

    async def run(self, client: Client, clock: Clock) -> None:
        """Look at the ConfigMap for ever."""
        while True:
            try:
                found = await client.get(CONFIG_MAPS, AUTHENTICATION, "kube-system")
                self.take(found.get("data") or {})
            except (StatusError, OSError, ValueError) as error:
                log.warning("reading whose client certificates to believe: %s", error)
            await clock.sleep(LOOK_AGAIN if self._believed else 1.0)
