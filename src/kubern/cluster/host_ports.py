"""NodePorts on the host's loopback: what a node serves on port 30080 answers on 127.0.0.1:30080 too.

The nodes live in namespaces that the host has no interface into; this carries connections across, as a container tool's published ports do.
TCP only. A port that something else on the host holds is left to it, with a line in the log.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable, Sequence

from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.cluster.namespaces import NetworkNamespace

log = logging.getLogger(__name__)

CHUNK = 65536
TRIES = 10
BETWEEN_TRIES = 0.1
"""Seconds between two tries."""
PATIENCE = 3.0
"""Seconds until a node that says nothing is passed over."""


def wanted_ports(services: Iterable[Obj]) -> set[int]:
    """Return the TCP node ports of all Services."""
    return {
        port["nodePort"]
        for service in services
        for port in (service.get("spec") or {}).get("ports") or ()
        if port.get("nodePort") and port.get("protocol", "TCP") == "TCP"
    }


class HostPorts:
    """Listens on loopback for the node ports it is told of and carries each connection to one of the `nodes` (addresses)."""

    def __init__(self, namespace: NetworkNamespace, nodes: Sequence[str], clock: Clock) -> None:
        self._namespace = namespace
        self._clock = clock
        self._nodes = list(nodes)
        self._servers: dict[int, asyncio.Server] = {}
        self._refused: set[int] = set()
        self._carried: set[asyncio.Task[None]] = set()
        """The connections' tasks. uvloop forgets a connection whose client has said all it will: without this a garbage
        collection would end it before the answer."""

    async def serve(self, ports: set[int]) -> None:
        """Listen on exactly these ports from now on."""
        for port in self._servers.keys() - ports:
            self._servers.pop(port).close()
        self._refused &= ports
        for port in ports - self._servers.keys():
            try:
                self._servers[port] = await asyncio.start_server(self._handler(port), "127.0.0.1", port)
            except OSError as error:
                if port not in self._refused:
                    log.warning("node port %d is not served on 127.0.0.1: %s", port, error)
                self._refused.add(port)

    async def close(self) -> None:
        """Stop listening."""
        await self.serve(set())

    async def _connect(self, port: int) -> socket.socket:
        """Connect to the port of the first node that is there. One that refuses is tried again for a second: a rollout may have ended just
        now, and its pods' rules be on their way to the node. Raises `OSError`, `TimeoutError`."""
        order = list(self._nodes)
        for node in order[:-1]:
            try:
                return await self._connect_to(node, port)
            except ConnectionRefusedError:
                raise
            except (OSError, TimeoutError):
                # gone: the next ones ask it last
                if self._nodes[0] == node:
                    self._nodes.append(self._nodes.pop(0))
        return await self._connect_to(order[-1], port)

    async def _connect_to(self, node: str, port: int) -> socket.socket:
        for _ in range(TRIES):
            try:
                return await self._namespace.connect(node, port, PATIENCE)
            except ConnectionRefusedError:
                await self._clock.sleep(BETWEEN_TRIES)
        return await self._namespace.connect(node, port, PATIENCE)

    def _handler(self, port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(carry(reader, writer))
            self._carried.add(task)
            task.add_done_callback(self._carried.discard)

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                far_reader, far_writer = await asyncio.open_connection(sock=await self._connect(port))
            except (OSError, TimeoutError):
                writer.close()
                return
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(_pump(reader, far_writer))
                    both.create_task(_pump(far_reader, writer))
            finally:
                writer.close()
                far_writer.close()

        return accept


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one way until the end, then say so to the other side."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except (OSError, RuntimeError):
        writer.close()
