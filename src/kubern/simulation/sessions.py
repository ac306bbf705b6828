"""The far end of exec and attach for virtual containers: what a runtime's streaming server does, over SPDY or the older WebSocket protocol.

Called by `serving.py`. The client's input is read and dropped; the program is over when it says so or when the client has gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson

from kubern.base.errors import BadRequest
from kubern.http.channel import run_until_first
from kubern.http.contract import Answer, ByteChannel, Request, Tunnel, Upgrade, WebSocketChannel
from kubern.http.relay import ERROR, STDERR, STDOUT, V4, Streams
from kubern.http.spdy import Data, Opened, Pinged, Session
from kubern.http.websocket import is_websocket, offered

Write = Callable[[int, bytes], Awaitable[None]]
"""`write(channel, data)`: channel is STDOUT or STDERR."""

Program = Callable[[Write], Awaitable[int]]
"""What runs; returns its exit code."""

_GRACE = 2.0
"""Seconds that a client gets to hang up."""
_HEAD = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
    b"X-Stream-Protocol-Version: " + V4.encode() + b"\r\n\r\n"
)


def answer(request: Request, streams: Streams, program: Program) -> Answer:
    """Return the answer that runs a program on a request's streams. Raises `BadRequest` for protocols that runtimes do not speak either."""
    if not is_websocket(request.headers):

        async def tunnelled(channel: ByteChannel) -> None:
            await _Spdy(channel, streams).run(program)

        return Tunnel(_HEAD, tunnelled)
    if V4 not in offered(request.headers):
        raise BadRequest(f"unable to upgrade: only {V4} and SPDY/3.1 are served")

    async def serve(socket: WebSocketChannel) -> None:
        async def write(channel: int, data: bytes) -> None:
            await socket.send(bytes((channel,)) + data)

        async def work() -> None:
            code = await program(write)
            await write(ERROR, status(code))
            await socket.close()

        async def listen() -> None:
            while await socket.receive() is not None:
                pass

        await run_until_first(work, listen, grace=_GRACE)

    return Upgrade(V4, serve)


def status(code: int) -> bytes:
    """Return what the error stream says of an exit code."""
    if code == 0:
        return orjson.dumps({"metadata": {}, "status": "Success"})
    return orjson.dumps({
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    })  # fmt: skip


class _Spdy:
    """One connection: the client opens a stream for each thing it wants, and is told of the exit code on `error`."""

    def __init__(self, channel: ByteChannel, streams: Streams) -> None:
        self._channel = channel
        self._session = Session(client=False)
        self._awaited = set(streams.names)
        self._numbers: dict[str, int] = {}

    async def run(self, program: Program) -> None:
        """Wait for the client's streams, run the program, and end them."""
        while self._awaited:
            if not await self._listen_once():
                return

        async def write(channel: int, data: bytes) -> None:
            number = self._numbers.get({STDOUT: "stdout", STDERR: "stderr"}[channel])
            if number is not None:
                await self._channel.send(self._session.data(number, data))

        async def work() -> None:
            code = await program(write)
            last = [self._session.data(self._numbers["error"], status(code), fin=True)]
            last += [
                self._session.data(self._numbers[n], b"", fin=True) for n in ("stdout", "stderr") if n in self._numbers
            ]
            await self._channel.send(b"".join(last))

        async def listen() -> None:
            while await self._listen_once():
                pass

        await run_until_first(work, listen, grace=_GRACE)
        self._channel.close()

    async def _listen_once(self) -> bool:
        data = await self._channel.receive()
        for event in self._session.receive(data):
            if isinstance(event, Opened):
                name = event.headers.get("streamtype", "")
                self._numbers[name] = event.stream
                self._awaited.discard(name)
                await self._channel.send(self._session.reply(event.stream, {}))
            elif isinstance(event, Pinged) and event.id % 2 == 1:
                await self._channel.send(self._session.ping(event.id))
            elif isinstance(event, Data) and event.data:
                # dropped, but paid for: the client may send on
                await self._channel.send(self._session.window_update(event.stream, len(event.data)))
        return bool(data)
