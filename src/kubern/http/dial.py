"""Connections to nodes, pods and container runtimes: how they are opened can be replaced.

A `Dial` gives a connected TCP socket. The default is the machine's own network; a cluster whose nodes live in network namespaces
passes one that opens the socket inside such a namespace.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

from kubern.http.channel import Channel

Dial = Callable[[str, int], Awaitable[socket.socket]]
"""`dial(host, port)` returns a connected socket. Raises `OSError` (`ConnectionRefusedError`, `TimeoutError`, …)."""

_CONNECT_TIMEOUT = 30.0


async def dial_directly(host: str, port: int) -> socket.socket:
    """Connect through the machine's own network, to the first address of `host` that answers."""
    loop = asyncio.get_running_loop()
    failure: OSError = OSError(f"no address for {host}")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
            return sock
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
    raise failure


async def open_channel(
    dial: Dial,
    host: str,
    port: int,
    tls: ssl.SSLContext | None = None,
    server_name: str = "",
    connect_timeout: float = _CONNECT_TIMEOUT,
) -> Channel:
    """Open a raw channel to a host, over TLS when a context is given (`server_name` as in its certificate; the host by default).

    Raises `OSError`; `TimeoutError` after `connect_timeout` seconds, `ssl.SSLError` when the peer cannot be trusted.
    """
    async with asyncio.timeout(connect_timeout):
        sock = await dial(host, port)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            _, channel = await asyncio.get_running_loop().create_connection(
                Channel, sock=sock, ssl=tls, server_hostname=(server_name or host) if tls is not None else None
            )
        except BaseException:
            sock.close()
            raise
    return channel
