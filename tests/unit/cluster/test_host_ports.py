"""Node ports on the host's loopback, with a network whose nodes are servers of the test's own."""

import asyncio
import errno
import gc
import socket

import pytest
import uvloop

from kubern.base.clock import SystemClock
from kubern.cluster.host_ports import HostPorts


class Network:
    """Stands for the cluster's network: `alive` answers, everybody else is unreachable."""

    def __init__(self, port):
        self.port = port
        self.asked = []

    async def connect(self, host, port, timeout=10.0):
        self.asked.append(host)
        if host != "alive":
            raise OSError(errno.EHOSTUNREACH, "no route to host")
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        return sock


async def answer_when_all_is_said(reader, writer):
    """Serve one connection: only after the other side's end of file comes back what it sent."""
    writer.write(await reader.read())
    await writer.drain()
    writer.close()


@pytest.fixture
async def network():
    server = await asyncio.start_server(answer_when_all_is_said, "127.0.0.1", 0)
    async with server:
        yield Network(server.sockets[0].getsockname()[1])


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def say(port, what):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(what)
    writer.write_eof()
    said = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return said


async def test_a_node_that_is_gone_is_passed_over_and_asked_last_from_then_on(network, port):
    ports = HostPorts(network, ["dead", "alive"], SystemClock())
    await ports.serve({port})
    try:
        assert await say(port, b"one") == b"one"
        assert await say(port, b"two") == b"two"
    finally:
        await ports.close()
    assert network.asked == ["dead", "alive", "alive"]


async def test_a_client_that_has_said_all_still_hears_the_answer(network, port):
    ports = HostPorts(network, ["alive"], SystemClock())
    await ports.serve({port})
    try:
        large = bytes(3_000_000)
        assert await asyncio.gather(*(say(port, large) for _ in range(5))) == [large] * 5
    finally:
        await ports.close()


async def test_with_no_node_left_the_connection_ends(network, port):
    ports = HostPorts(network, ["dead", "gone"], SystemClock())
    await ports.serve({port})
    try:
        assert await say(port, b"") == b""
    finally:
        await ports.close()


async def test_a_port_that_somebody_holds_is_left_to_him_and_taken_when_he_goes(network, port):
    ports = HostPorts(network, ["alive"], SystemClock())
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", port))
        owner.listen()
        await ports.serve({port})
    await ports.serve({port})
    try:
        assert await say(port, b"mine") == b"mine"
    finally:
        await ports.close()
    with pytest.raises(ConnectionRefusedError):
        await say(port, b"")


def test_a_client_that_has_said_all_is_not_forgotten_while_it_waits(port):
    """uvloop lets a connection go that reads no more: a garbage collection then took it from whoever waited for an answer."""

    async def main():
        kept, heard, release = [], asyncio.Event(), asyncio.Event()

        async def answer_late(reader, writer):
            kept.extend([asyncio.current_task(), reader, writer])
            said = await reader.read()
            heard.set()
            await release.wait()
            writer.write(said)
            writer.close()

        async with await asyncio.start_server(answer_late, "127.0.0.1", 0) as server:
            ports = HostPorts(Network(server.sockets[0].getsockname()[1]), ["alive"], SystemClock())
            await ports.serve({port})
            asked = asyncio.create_task(asyncio.to_thread(_ask, port))
            await asyncio.wait_for(heard.wait(), 10)
            gc.collect()
            release.set()
            try:
                return await asyncio.wait_for(asked, 20)
            finally:
                await ports.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main()) == b"hello"


def _ask(port):
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        link.sendall(b"hello")
        link.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: link.recv(100), b""))
