"""The port of the virtual nodes' kubelets: one listener on loopback, to which the apiserver's connections to their addresses lead."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from kubern.apiserver.backends.access import Backends
from kubern.base.clock import Clock
from kubern.client.contract import Client
from kubern.cluster.pki import Pki
from kubern.diagnostics.access import Access
from kubern.http.dial import Dial, dial_directly
from kubern.http.server import serve
from kubern.http.tls import ServerTls
from kubern.simulation.nodes import VirtualNodes
from kubern.simulation.places import NODE_RANGE

LOOPBACK = "127.0.0.1"
NAME = "virtual-nodes"
"""In the certificate that all of them serve with."""


async def serve_virtual_kubelets(
    virtual: VirtualNodes, backends: Backends, pki: Pki, client: Client, clock: Clock
) -> None:
    """Serve until cancelled."""
    from kubern.simulation.serving import VirtualKubelets  # after the cluster is up: nobody waits for it

    pair = await asyncio.to_thread(pki.ensure_node, NAME, LOOPBACK)
    tls = ServerTls(pair.certificate, pair.key, pki.ca.certificate)
    handler = VirtualKubelets(virtual.source(), clock, Access(clock, client, client))
    server = await serve(handler, (LOOPBACK, 0), tls=tls, clock=clock)
    backends.dial = _routed(backends.dial, server.port)
    backends.served_as = _served_as
    try:
        await asyncio.Event().wait()
    finally:
        await server.close()


def _is_virtual(host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in NODE_RANGE
    except ValueError:
        return False


def _served_as(host: str) -> str:
    return NAME if _is_virtual(host) else ""


def _routed(others: Dial, port: int) -> Dial:
    async def dial(host: str, wanted: int) -> socket.socket:
        return await (dial_directly(LOOPBACK, port) if _is_virtual(host) else others(host, wanted))

    return dial
