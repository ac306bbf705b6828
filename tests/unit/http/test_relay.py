"""Exec, attach and port-forward passed on to a stand-in for a runtime's streaming server.

The stand-in speaks SPDY/3.1 as runtimes do: it reports the streams it was asked for, runs `cat`, and ends with an exit status.
"""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from kubern.base.errors import BadRequest
from kubern.http.contract import Peer, Request
from kubern.http.dial import dial_directly, open_channel
from kubern.http.relay import TUNNELLED_PORT_FORWARD, V4, V5, Streams, relay
from kubern.http.spdy import Data, Opened, Pinged, Session

STATUS = {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode", "message": "exit 3"}


class Runtime:
    """What a runtime's streaming server does with one connection."""

    def __init__(self) -> None:
        self.head = b""
        self.streams: dict[str, int] = {}
        self.resized: list[bytes] = []
        self.pongs: list[int] = []
        self.gone = asyncio.Event()
        self.refuse = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.head = await reader.readuntil(b"\r\n\r\n")
        if self.refuse:
            writer.write(self.refuse)
            writer.close()
            return
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
        if b"websocket" in self.head or b"portforward" in self.head:
            while data := await reader.read(65536):
                writer.write(data)
        else:
            await self._session(reader, writer)
        self.gone.set()
        writer.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(client=False)
        while data := await reader.read(65536):
            for event in session.receive(data):
                if isinstance(event, Opened):
                    self.streams[event.headers["streamtype"]] = event.stream
                    writer.write(session.reply(event.stream, {}) + session.ping(2))
                elif isinstance(event, Pinged):
                    self.pongs.append(event.id)
                elif isinstance(event, Data) and event.stream == self.streams.get("resize"):
                    self.resized.append(event.data)
                elif isinstance(event, Data):
                    writer.write(session.data(self.streams["stdout"], event.data))
                    if event.fin:
                        self._finish(session, writer)
                        return
            await writer.drain()

    def _finish(self, session: Session, writer: asyncio.StreamWriter) -> None:
        if "stderr" in self.streams:
            writer.write(session.data(self.streams["stderr"], b"bye", fin=True))
        writer.write(session.data(self.streams["error"], json.dumps(STATUS).encode(), fin=True))
        writer.write(session.data(self.streams["stdout"], b"", fin=True))


@pytest.fixture
async def runtime():
    """A runtime and its port."""
    program = Runtime()
    server = await asyncio.start_server(program, "127.0.0.1", 0)
    program.port = server.sockets[0].getsockname()[1]
    yield program
    server.close()


@pytest.fixture
async def client(start, runtime):
    """Open a WebSocket with sub-protocols; the server relays it with `streams`."""
    async with aiohttp.ClientSession() as session:

        async def connect(streams: Streams | None, *protocols: str) -> aiohttp.ClientWebSocketResponse:
            async def handler(request):
                channel = await open_channel(dial_directly, "127.0.0.1", runtime.port)
                return await relay(request, channel, "runtime", "/exec/token", streams)

            url = f"http://127.0.0.1:{(await start(handler)).port}/"
            headers = {"Authorization": "Bearer secret"}
            return await session.ws_connect(url, protocols=protocols, max_msg_size=0, headers=headers)

        yield connect


async def collect(socket: aiohttp.ClientWebSocketResponse) -> dict[int, bytes]:
    """Return what came on each channel until the close."""
    channels: dict[int, bytes] = {}
    async with asyncio.timeout(10):
        async for message in socket:
            channels[message.data[0]] = channels.get(message.data[0], b"") + message.data[1:]
    return channels


async def test_v5_is_translated_and_its_half_close_ends_stdin(client, runtime):
    socket = await client(Streams(stdin=True, stdout=True, stderr=True), V5, V4)
    assert socket.protocol == V5
    big = bytes(range(256)) * 4000
    await socket.send_bytes(b"\0" + big)
    await socket.send_bytes(b"\0tail")
    await socket.send_bytes(b"\xff\0")
    channels = await collect(socket)
    assert channels == {1: big + b"tail", 2: b"bye", 3: json.dumps(STATUS).encode()}
    assert socket.close_code == 1000
    assert list(runtime.streams) == ["error", "stdin", "stdout", "stderr"]
    assert runtime.head.startswith(b"POST /exec/token HTTP/1.1\r\nHost: runtime\r\n")
    assert b"X-Stream-Protocol-Version: v4.channel.k8s.io\r\n" in runtime.head
    assert b"secret" not in runtime.head
    assert b"websocket" not in runtime.head.lower()
    assert 2 in runtime.pongs


async def test_v5_resize_of_a_terminal(client, runtime):
    socket = await client(Streams(stdin=True, stdout=True, tty=True), V5)
    await socket.send_bytes(b'\x04{"Width":80,"Height":24}')
    await socket.send_bytes(b"\xff\0")
    await collect(socket)
    assert runtime.resized == [b'{"Width":80,"Height":24}']
    assert list(runtime.streams) == ["error", "stdin", "stdout", "resize"]


@pytest.mark.parametrize("noise", [b"", b"\x09x", b"\xff", b"\xff\x07", b"\x01not for clients"])
async def test_v5_noise_is_ignored(client, noise):
    socket = await client(Streams(stdin=True, stdout=True), V5)
    await socket.send_bytes(noise)
    await socket.send_bytes(b"\0ok")
    await socket.send_bytes(b"\xff\0")
    assert (await collect(socket))[1] == b"ok"


async def test_a_client_that_goes_ends_the_runtimes_connection(client, runtime):
    socket = await client(Streams(stdin=True, stdout=True), V5)
    await socket.send_bytes(b"\0ok")
    await socket.receive_bytes(timeout=5)
    await socket.close()
    async with asyncio.timeout(5):
        await runtime.gone.wait()


async def test_a_runtime_that_goes_ends_the_clients_socket(client, runtime):
    socket = await client(Streams(stdin=True, stdout=True), V5)
    await socket.send_bytes(b"\0ok")
    assert await socket.receive_bytes(timeout=5) == b"\x01ok"
    await socket.send_bytes(b"\xff\0")
    await collect(socket)
    assert socket.closed


async def test_a_tunnelled_port_forward_is_unwrapped(client, runtime):
    socket = await client(None, TUNNELLED_PORT_FORWARD)
    assert socket.protocol == TUNNELLED_PORT_FORWARD
    data = bytes(range(256)) * 1000
    await socket.send_bytes(data)
    echoed = b""
    while len(echoed) < len(data):
        echoed += await socket.receive_bytes(timeout=5)
    assert echoed == data
    assert b"X-Stream-Protocol-Version: portforward.k8s.io\r\n" in runtime.head
    await socket.close()
    async with asyncio.timeout(5):
        await runtime.gone.wait()


async def test_older_websockets_are_passed_on_as_they_are(start, connect, runtime):
    async def handler(request):
        channel = await open_channel(dial_directly, "127.0.0.1", runtime.port)
        return await relay(request, channel, "runtime", "/exec/token?port=1", Streams(stdout=True))

    raw = await connect(await start(handler))
    raw.send(
        b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\nbytes"
    )
    assert (await raw.answer())[0] == 101
    assert await raw.reader.readexactly(5) == b"bytes"
    head = runtime.head.decode().lower()
    assert head.startswith("get /exec/token?port=1 http/1.1\r\nhost: runtime\r\n")
    assert "sec-websocket-key: dghlihnhbxbszsbub25jzq==\r\n" in head
    assert "sec-websocket-protocol: v4.channel.k8s.io\r\n" in head
    assert head.count("connection: upgrade\r\n") == 1


@pytest.mark.parametrize(("streams", "protocol"), [(Streams(stdout=True), V5), (None, TUNNELLED_PORT_FORWARD)])
async def test_a_refusal_reaches_the_client(client, runtime, streams, protocol):
    runtime.refuse = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client(streams, protocol)
    assert refused.value.status == 404


async def test_a_request_without_upgrade_is_refused_and_the_channel_closed(runtime):
    channel = await open_channel(dial_directly, "127.0.0.1", runtime.port)
    request = Request("GET", "/", "", {"host": "x"}, b"", Peer())
    with pytest.raises(BadRequest):
        await relay(request, channel, "runtime", "/", None)
    async with asyncio.timeout(5):
        await channel.gone
