"""Passing exec, attach and port-forward on to the next hop: from the apiserver to a kubelet, from a kubelet to its runtime.

Clients speak one of four things (kubectl tries the first two before SPDY; the Python client speaks `v4`):

| request | passed on as |
| --- | --- |
| WebSocket `v5.channel.k8s.io` (exec, attach) | translated to SPDY streams: runtimes know no half-close over WebSocket |
| WebSocket `SPDY/3.1+portforward.k8s.io` | its binary messages are SPDY bytes: unwrapped |
| WebSocket `v4.channel.k8s.io` and older | the same bytes |
| `Upgrade: SPDY/3.1` | the same bytes |

Source: the Kubernetes enhancement 4006, "Transition from SPDY to WebSockets".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kubern.base.errors import BadRequest
from kubern.http.channel import Channel, run_until_first
from kubern.http.client import HOP_BY_HOP, read_head, refused, request_head, tunnel
from kubern.http.contract import Answer, Request, Upgrade, WebSocketChannel
from kubern.http.spdy import Data, GoneAway, Opened, Pinged, Reset, Session
from kubern.http.websocket import is_websocket, offered

V5 = "v5.channel.k8s.io"
V4 = "v4.channel.k8s.io"
PORT_FORWARD = "portforward.k8s.io"
TUNNELLED_PORT_FORWARD = "SPDY/3.1+portforward.k8s.io"

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
_CHANNELS = {"stdin": STDIN, "stdout": STDOUT, "stderr": STDERR, "error": ERROR, "resize": RESIZE}
_CLOSE_GRACE = 1.0
"""Seconds that a client gets to answer our close frame."""
_DROPPED = HOP_BY_HOP | {"host", "authorization", "content-length", "expect", "cookie"}
"""Headers that end here: those of the connection, and the client's credentials, which are not the next hop's business."""


class Streams(NamedTuple):
    """Which streams an exec or attach has."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False

    @property
    def names(self) -> list[str]:
        """The SPDY streams to open, in the order in which kubectl opens them."""
        wanted = (
            ("error", True),
            ("stdin", self.stdin),
            ("stdout", self.stdout),
            ("stderr", self.stderr),
            ("resize", self.tty),
        )
        return [name for name, wish in wanted if wish]


def is_upgrade(request: Request) -> bool:
    """Tell whether a request asks for what `relay` does."""
    tokens = {token.strip().lower() for token in request.headers.get("connection", "").split(",")}
    return "upgrade" in tokens and request.headers.get("upgrade", "").lower() in ("websocket", "spdy/3.1")


def forwarded_headers(request: Request) -> list[tuple[str, str]]:
    """Return the request's headers that the next hop gets."""
    named = {token.strip().lower() for token in request.headers.get("connection", "").split(",")}
    return [(name, value) for name, value in request.headers.items() if name not in _DROPPED | named]


async def relay(request: Request, channel: Channel, host: str, target: str, streams: Streams | None) -> Answer:
    """Ask the next hop, over a fresh channel to it, for `target` and connect the two. `streams` None: a port-forward.

    What the next hop answers instead of an upgrade is passed back. Raises `BadRequest` for a request that is no upgrade, and
    `ConnectionError`; the channel is closed then.
    """
    try:
        if not is_upgrade(request):
            raise BadRequest("Upgrade request required")
        if is_websocket(request.headers):
            offers = offered(request.headers)
            if streams is not None and V5 in offers:
                return await _translate(request, channel, host, target, streams)
            if streams is None and TUNNELLED_PORT_FORWARD in offers:
                return await _unwrap(request, channel, host, target)
    except BaseException:
        channel.abort()
        raise
    return await passed_on(request, channel, host, target)


async def passed_on(request: Request, channel: Channel, host: str, target: str) -> Answer:
    """Send an upgrade request on as it is and copy bytes both ways. Raises `ConnectionError`."""
    headers = [("Host", host), *forwarded_headers(request)]
    headers += [("Connection", "Upgrade"), ("Upgrade", request.headers.get("upgrade", ""))]
    if "content-length" in request.headers:
        headers.append(("Content-Length", "0"))
    return await tunnel(channel, request_head(request.method, target, headers))


def _spdy_head(request: Request, host: str, target: str, versions: Iterable[str]) -> bytes:
    headers = [(n, v) for n, v in forwarded_headers(request) if not n.startswith("sec-websocket-")]
    headers += [("X-Stream-Protocol-Version", version) for version in versions]
    headers += [("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), ("Content-Length", "0")]
    return request_head("POST", target, [("Host", host), *headers])


async def _unwrap(request: Request, channel: Channel, host: str, target: str) -> Answer:
    await channel.send(_spdy_head(request, host, target, [PORT_FORWARD]))
    head, rest = await read_head(channel)
    if head.status != 101:
        return await refused(channel, head, rest)

    async def serve(socket: WebSocketChannel) -> None:
        async def up() -> None:
            while (message := await socket.receive()) is not None:
                await channel.send(message if isinstance(message, bytes) else message.encode())
            channel.abort()

        async def down() -> None:
            data = rest or await channel.receive()
            while data:
                await socket.send(data)
                data = await channel.receive()
            await socket.close()

        try:
            await run_until_first(up, down, grace=_CLOSE_GRACE)
        finally:
            channel.abort()

    return Upgrade(TUNNELLED_PORT_FORWARD, serve)


async def _translate(request: Request, channel: Channel, host: str, target: str, streams: Streams) -> Answer:
    await channel.send(_spdy_head(request, host, target, [V4]))
    head, rest = await read_head(channel)
    if head.status != 101:
        return await refused(channel, head, rest)

    async def serve(socket: WebSocketChannel) -> None:
        try:
            await _Translation(socket, channel, streams).run(rest)
        finally:
            channel.abort()

    return Upgrade(V5, serve)


class _Translation:
    """One exec or attach between a client's WebSocket channels and the next hop's SPDY streams."""

    def __init__(self, socket: WebSocketChannel, channel: Channel, streams: Streams) -> None:
        self._socket = socket
        self._channel = channel
        self._session = Session(client=True)
        self._streams = streams
        self._numbers: dict[int, int] = {}
        """WebSocket channel to SPDY stream."""

    async def run(self, rest: bytes) -> None:
        """Open the streams and copy until the command has ended or the client is gone."""
        frames = []
        for name in self._streams.names:
            number, frame = self._session.open({"streamtype": name})
            self._numbers[_CHANNELS[name]] = number
            frames.append(frame)
        await self._channel.send(b"".join(frames))
        await run_until_first(self._up, lambda: self._down(rest), grace=_CLOSE_GRACE)

    async def _up(self) -> None:
        while (message := await self._socket.receive()) is not None:
            data = message if isinstance(message, bytes) else message.encode()
            if not data:
                continue
            kind, payload = data[0], data[1:]
            if kind == CLOSE and payload and payload[0] in self._numbers:
                await self._channel.send(self._session.data(self._numbers[payload[0]], b"", fin=True))
            elif kind in (STDIN, RESIZE) and kind in self._numbers and payload:
                await self._channel.send(self._session.data(self._numbers[kind], payload))
        # The client is gone (or has its answer): the next hop learns it by the end of its connection.
        self._channel.abort()

    async def _down(self, data: bytes) -> None:
        channels = {number: channel for channel, number in self._numbers.items()}
        pending = {self._numbers[c] for c in (STDOUT, STDERR, ERROR) if c in self._numbers}
        while True:
            for event in self._session.receive(data):
                if isinstance(event, Data):
                    if event.data and event.stream in channels:
                        await self._socket.send(bytes((channels[event.stream],)) + event.data)
                    if event.fin:
                        pending.discard(event.stream)
                elif isinstance(event, Reset):
                    pending.discard(event.stream)
                elif isinstance(event, Pinged) and event.id % 2 == 0:
                    await self._channel.send(self._session.ping(event.id))
                elif isinstance(event, Opened):
                    await self._channel.send(self._session.reset(event.stream))
                elif isinstance(event, GoneAway):
                    pass  # its streams may still deliver; the end of the connection follows
            if not pending:
                break
            data = await self._channel.receive()
            if not data:
                break
        await self._socket.close()
