"""Connections that become something else: WebSockets and raw tunnels."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from kubern.http.channel import splice
from kubern.http.client import BadAnswer, Fetched, fetch, read_head, tunnel
from kubern.http.contract import Response, Stream, Tunnel, Upgrade
from kubern.http.dial import dial_directly, open_channel

WS = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: %b\r\n%b\r\n"
SPDY = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
HEAD_101 = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"


async def echo(socket):
    while (message := await socket.receive()) is not None:
        await socket.send(message)


@pytest.fixture
async def websocket(start):
    """Open a WebSocket to a server that runs `serve`."""
    session = aiohttp.ClientSession()

    async def connect(serve, **options):
        server = await start(lambda request: Upgrade("b", serve))
        return await session.ws_connect(f"http://127.0.0.1:{server.port}/", protocols=("a", "b"), **options)

    yield connect
    await session.close()


async def test_messages_of_all_sizes_and_kinds(websocket):
    socket = await websocket(echo, max_msg_size=0)
    assert socket.protocol == "b"
    for size in (0, 1, 125, 126, 65535, 65536, 3_000_000):
        await socket.send_bytes(b"x" * size)
        assert await socket.receive_bytes(timeout=5) == b"x" * size
    await socket.send_str("text é")
    assert await socket.receive_str(timeout=5) == "text é"


async def test_ping_is_answered_and_close_is_echoed(websocket):
    socket = await websocket(echo, autoping=False)
    await socket.ping(b"?")
    assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.PONG
    await socket.close(code=4001)
    assert socket.close_code == 4001


async def test_the_server_closes_when_its_function_returns_or_fails(websocket, caplog):
    async def serve(socket):
        await socket.send(b"bye")
        await socket.close(1008, "enough")
        with pytest.raises(ConnectionError):
            await socket.send(b"after")
        raise RuntimeError("on purpose")

    socket = await websocket(serve)
    assert await socket.receive_bytes(timeout=5) == b"bye"
    closed = await socket.receive(timeout=5)
    assert (closed.data, closed.extra) == (1008, "enough")
    assert "on purpose" in caplog.text


@pytest.mark.parametrize(
    ("version", "key"), [(b"12", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), (b"13", b""), (b"13", b"Sec-WebSocket-Key: x\r\n")]
)  # fmt: skip
async def test_a_malformed_handshake_is_400(start, connect, version, key):
    client = await connect(await start(lambda request: Upgrade("", echo)))
    client.send(WS % (version, key))
    assert (await client.answer())[0] == 400


async def test_an_unmasked_frame_closes_the_socket(start, connect):
    client = await connect(await start(lambda request: Upgrade("", echo)))
    client.send(WS % (b"13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n") + b"\x82\x01a")
    status, headers, _ = await client.answer()
    assert (status, headers["sec-websocket-accept"]) == (101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    assert (await client.ended())[2:4] == (1002).to_bytes(2, "big")


async def test_an_upgrade_answered_to_an_ordinary_request_is_400(start, connect, caplog):
    client = await connect(await start(lambda request: Upgrade("", echo)))
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await client.answer())[0] == 400


async def test_an_ordinary_answer_to_an_upgrade_closes_the_connection(start, connect):
    client = await connect(await start(lambda request: Response(403, (), b"no")))
    client.send(SPDY + b"these are not a request")
    status, headers, body = await client.answer()
    assert (status, headers["connection"], body) == (403, "close", b"no")
    assert await client.ended() == b""


async def test_a_tunnel_carries_the_bytes_that_came_with_the_request(start, connect):
    async def serve(channel):
        while data := await channel.receive():
            await channel.send(data.upper())
        await channel.send(b"!")

    client = await connect(await start(lambda request: Tunnel(HEAD_101, serve)))
    client.send(SPDY + b"early ")
    assert (await client.answer())[0] == 101
    client.send(b"late")
    client.writer.write_eof()
    assert await client.ended() == b"EARLY LATE!"


async def test_closing_the_server_ends_tunnels(start, connect, eventually):
    ended = asyncio.Event()

    async def serve(channel):
        try:
            await channel.receive()
        finally:
            ended.set()

    server = await start(lambda request: Tunnel(HEAD_101, serve))
    client = await connect(server)
    client.send(SPDY)
    await client.answer()
    await server.close(grace=1)
    assert ended.is_set()
    assert await client.ended() == b""


@pytest.fixture
async def backend():
    """A raw TCP server that runs a function for each connection; gives its port."""
    servers = []

    async def begin(serve):
        async def run(reader, writer):
            try:
                await serve(reader, writer)
            except ConnectionError:
                pass
            finally:
                writer.close()

        servers.append(await asyncio.start_server(run, "127.0.0.1", 0))
        return servers[-1].sockets[0].getsockname()[1]

    yield begin
    for server in servers:
        server.close()


def through(port):
    """Return a handler that tunnels to a port."""

    async def handler(request):
        return await tunnel(await open_channel(dial_directly, "127.0.0.1", port), SPDY)

    return handler


async def test_tunnel_to_another_server_passes_half_close_on(start, connect, backend):
    async def serve(reader, writer):
        assert await reader.readuntil(b"\r\n\r\n") == SPDY
        writer.write(HEAD_101 + b"hello ")
        writer.write(await reader.read())  # until our client's half-close

    client = await connect(await start(through(await backend(serve))))
    client.send(SPDY)
    assert (await client.answer())[0] == 101
    client.send(b"world")
    client.writer.write_eof()
    assert await client.ended() == b"hello world"


async def test_a_refused_tunnel_passes_the_answer_on(start, connect, backend):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nX-A: b\r\nConnection: close\r\nContent-Length: 4\r\n\r\ngone")

    client = await connect(await start(through(await backend(serve))))
    client.send(SPDY)
    status, headers, body = await client.answer()
    assert (status, headers["x-a"], body) == (404, "b", b"gone")


async def test_splice_does_not_buffer_what_a_slow_side_does_not_take(backend):
    sent = 0

    async def flood(reader, writer):
        nonlocal sent
        while sent < 200_000_000:
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent += 100_000

    async def stuck(reader, writer):
        await release.wait()

    release = asyncio.Event()
    left = await open_channel(dial_directly, "127.0.0.1", await backend(flood))
    right = await open_channel(dial_directly, "127.0.0.1", await backend(stuck))
    task = asyncio.create_task(splice(left, right))
    before = -1
    async with asyncio.timeout(10):
        while sent == 0 or sent != before:
            before = sent
            await asyncio.sleep(0.1)
    assert sent < 50_000_000
    task.cancel()
    left.abort()
    right.abort()
    release.set()


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
            b"ok",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nok", b"ok"),
        (b"HTTP/1.0 200 OK\r\n\nok\r\n", b"ok\r\n"),
        (b"HTTP/1.0 200 OK\r\nContent-type: text/plain\n\nok", b"ok"),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\nA: b\rContent-Length: 2\r\n\r\nok", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", None),
        (b"nonsense\r\n\r\n", None),
        (b"", None),
    ],
    ids=[
        "length",
        "chunks after 100",
        "until the end",
        "no header but a line feed",
        "a script's header",
        "line feeds",
        "carriage return",
        "chunks of line feeds",
        "cut short",
        "chunk cut short",
        "nonsense",
        "nothing",
    ],
)
async def test_fetch(backend, answer, body):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    channel = await open_channel(dial_directly, "127.0.0.1", await backend(serve))

    async def whole() -> bytes:
        fetched: Fetched = await fetch(channel, "GET", "/", [("Host", "x")])
        try:
            return b"".join([part async for part in fetched.body()])
        finally:
            fetched.close()

    if body is None:
        with pytest.raises(BadAnswer):
            await whole()
    else:
        assert await whole() == body


async def test_a_head_without_end_is_refused(backend):
    async def serve(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300_000)
        await writer.drain()

    channel = await open_channel(dial_directly, "127.0.0.1", await backend(serve))
    with pytest.raises(BadAnswer, match="too large"):
        await read_head(channel)
    channel.abort()


async def test_nobody_listens():
    with pytest.raises(ConnectionRefusedError):
        await open_channel(dial_directly, "127.0.0.1", 1)


async def test_stream_head_request_does_not_start_it(start, connect):
    events = []
    stream = Stream(200, (), lambda writer: events.append("start"), lambda: events.append("stop"))
    client = await connect(await start(lambda request: stream))
    client.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await client.answer(head_only=True))[0] == 200
    assert events == ["stop"]
