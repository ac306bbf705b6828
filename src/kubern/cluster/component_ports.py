"""The ports of scheduler and controller manager in a cluster's control plane: upstream's, for everybody with the right to see them.

In a cluster with real nodes they are inside the cluster's network, at the control plane's address, where a monitoring pod reaches them;
several clusters on one machine do not meet there. Without real nodes they are on the host's loopback, on upstream's numbers or any free
ones.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from socket import socket
from typing import NamedTuple

from kubern.base.clock import Clock
from kubern.base.introspection import Introspection
from kubern.client.client import ApiClient
from kubern.cluster import fabric
from kubern.cluster.namespaces import NetworkNamespace
from kubern.cluster.pki import Pki

log = logging.getLogger(__name__)

PORTS = {"kube-scheduler": 10259, "kube-controller-manager": 10257}


class Hosted(NamedTuple):
    """One of the programs that the control plane hosts: its client, and what it tells of itself."""

    client: ApiClient
    introspection: Introspection


async def serve_component_ports(
    programs: Mapping[str, Hosted], namespace: NetworkNamespace | None, pki: Pki, clock: Clock
) -> None:
    """Serve until cancelled; `programs` go by upstream's names."""
    # after the cluster is up: nobody waits for these
    from kubern.diagnostics.port import About
    from kubern.diagnostics.serving import Delegates, Serving, secure_port

    async with AsyncExitStack() as opened:
        for name, (client, introspection) in programs.items():
            introspection.sources.append(client.transport.counts.families)
            settings = Serving(
                PORTS[name], "127.0.0.1", pki.apiserver.certificate, pki.apiserver.key, pki.ca.certificate
            )
            about = About(name, {"secure-port": str(PORTS[name]), "leader-elect": "false", "profiling": "true"})
            try:
                sockets = [_socket(namespace, PORTS[name])]
            except OSError as error:
                log.warning("the port of %s: %s", name, error)
                continue
            serving = secure_port(settings, about, introspection, clock, Delegates(client, client), sockets)
            await opened.enter_async_context(serving)
        await asyncio.Event().wait()


def _socket(namespace: NetworkNamespace | None, port: int) -> socket:
    """Return a listening socket for the port. Raises `OSError` when there is none to be had."""
    if namespace is not None:
        return namespace.listen(fabric.GATEWAY, port)
    from kubern.http.server import CannotListen, bound_socket

    try:
        return bound_socket("127.0.0.1", port)
    except CannotListen:
        return bound_socket("127.0.0.1", 0)
