"""Listens and serves: `serve(handler, …) → Server`. Used by the apiserver and the kubelet.

The event loop should be uvloop's (`uvloop.run`); asyncio's own works too, at a fraction of the speed.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Sequence

from kubern.base.clock import Clock, SystemClock
from kubern.http.connection import Connection
from kubern.http.contract import Handler
from kubern.http.heads import Heads
from kubern.http.limits import Limits
from kubern.http.tls import ServerTls

log = logging.getLogger(__name__)

_SWEEP = 1.0
"""Seconds between looks at the connections' deadlines; one timer for all costs less than one each."""
_RELOAD_EVERY = 30
"""Sweeps between looks at the certificate's files."""
_BACKLOG = 1024


class CannotListen(OSError):
    """The address cannot be served on; the message says which and why."""

    def __str__(self) -> str:
        return str(self.strerror)


class Server:
    """A running server. Made by `serve`."""

    def __init__(self, handler: Handler, limits: Limits, clock: Clock, tls: ServerTls | None) -> None:
        self.handler = handler
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.heads = Heads(clock, self.loop.time)
        self.closing = False
        self._tls = tls
        self._connections: set[Connection] = set()
        self._listeners: list[asyncio.Server] = []
        self.addresses: list[tuple[str, int]] = []
        """The host and port of each listening socket."""
        self._sweeps = 0
        self._dropped = 0
        self._none_left: asyncio.Future[None] | None = None
        self._timer = self.loop.call_later(_SWEEP, self._sweep)

    async def _listen(self, sockets: Sequence[socket.socket], context: ssl.SSLContext | None) -> None:
        timeout = self.limits.handshake_timeout if context is not None else None
        for sock in sockets:
            self._listeners.append(
                await self.loop.create_server(
                    lambda: Connection(self), sock=sock, ssl=context, backlog=_BACKLOG, ssl_handshake_timeout=timeout
                )
            )
            self.addresses.append(sock.getsockname()[:2])

    @property
    def port(self) -> int:
        """The first listening socket's port."""
        return self.addresses[0][1]

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def opened(self, connection: Connection) -> bool:
        """Count a connection in; False when the server is full or closing."""
        if self.closing or len(self._connections) >= self.limits.connections:
            self._dropped += 1
            return False
        self._connections.add(connection)
        return True

    def closed(self, connection: Connection) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        if not self._connections and self._none_left is not None and not self._none_left.done():
            self._none_left.set_result(None)

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in [c for c in self._connections if c.deadline < now]:
            connection.expire()
        self._relieve()
        if self._dropped:
            log.warning("%d connections were dropped: %d are open", self._dropped, len(self._connections))
            self._dropped = 0
        self._sweeps += 1
        if self._tls is not None and self._sweeps % _RELOAD_EVERY == 0:
            self._tls.reload_if_changed()
        self._timer = self.loop.call_later(_SWEEP, self._sweep)

    def _relieve(self) -> None:
        """Cut those who take their streams most slowly while all of them together hold more than they may."""
        held = [(waiting, id(c), c) for c in self._connections if (waiting := c.waiting)]
        total = sum(waiting for waiting, _, _ in held)
        if total <= self.limits.send_buffers:
            return
        cut, all_together = 0, total
        for waiting, _, connection in sorted(held, reverse=True):
            if total <= self.limits.send_buffers // 2:  # so that it is not the same again a second later
                break
            total -= waiting
            cut += 1
            connection.cut()
        log.warning("%d of %d slow streams were cut: %d bytes waited in them all", cut, len(held), all_together)

    def stop_listening(self) -> None:
        """Refuse new connections; what is open goes on."""
        for listener in self._listeners:
            listener.close()

    async def close(self, grace: float = 5.0) -> None:
        """Refuse new connections, end streams, finish the answers on their way, and after `grace` seconds cut what is left."""
        if self.closing:
            return
        self.closing = True
        self.stop_listening()
        for connection in list(self._connections):
            connection.shut_down()
        if self._connections:
            self._none_left = self.loop.create_future()
            await asyncio.wait([self._none_left], timeout=grace)
        for connection in list(self._connections):
            connection.kill()
        if self._connections:
            self._none_left = self.loop.create_future()
            await asyncio.wait([self._none_left], timeout=1.0)
        self._timer.cancel()
        for listener in self._listeners:
            await listener.wait_closed()


async def serve(
    handler: Handler,
    listen: tuple[str, int] | list[socket.socket],
    *,
    tls: ServerTls | ssl.SSLContext | None = None,
    limits: Limits | None = None,
    clock: Clock | None = None,
) -> Server:
    """Serve `handler` at a host and port (port 0: any free one), or on sockets that are bound already (they may come from another
    network namespace). `tls` None: plain HTTP. Raises `CannotListen` when the address is taken or not this machine's."""
    sockets: list[socket.socket] = []
    if isinstance(listen, tuple):
        host, port = listen
        sockets.append(bound_socket(host, port))
    else:
        sockets += listen
    for sock in sockets:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    server = Server(handler, limits or Limits(), clock or SystemClock(), tls if isinstance(tls, ServerTls) else None)
    await server._listen(sockets, tls.context if isinstance(tls, ServerTls) else tls)
    return server


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a TCP socket bound to `host` (a name, an address, or "" for all) and `port`. Raises `CannotListen`."""
    where = f"{host or '*'}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListen(error.errno or 0, f"cannot listen on {where}: {error.strerror or error}") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)  # a taken port may show only here
    except OSError as error:
        sock.close()
        reason = "another program is using it" if error.errno == errno.EADDRINUSE else error.strerror
        raise CannotListen(error.errno or 0, f"cannot listen on {where}: {reason}") from error
    return sock
