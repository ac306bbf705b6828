"""The far end of port-forward for virtual pods: what a runtime's streaming server does, over SPDY or the older WebSocket protocol.

Called by `serving.py`. `Connect` says what listens on a port. What always holds: a client keeps at most `_MOST_STREAMS` streams open, and
no more than `ports.MOST` bytes of a connection (and one read more) are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kubern.base.errors import BadRequest
from kubern.http.contract import Answer, ByteChannel, Request, Tunnel, Upgrade, WebSocketChannel
from kubern.http.relay import PORT_FORWARD, V4
from kubern.http.spdy import Data, Event, Opened, Pinged, Reset, Session
from kubern.http.websocket import is_websocket, offered
from kubern.simulation.ports import MOST, Port, reply

Connect = Callable[[int], Port | str]
"""What listens on a port, or why the connection is refused."""

_MOST_STREAMS = 1000
_HEAD = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
    b"X-Stream-Protocol-Version: " + PORT_FORWARD.encode() + b"\r\n\r\n"
)


def forward(request: Request, ports: Sequence[int], connect: Connect) -> Answer:
    """Return the answer that forwards connections; `ports` are those that a WebSocket asks for. Raises `BadRequest`."""
    if not is_websocket(request.headers):

        async def tunnelled(channel: ByteChannel) -> None:
            await _Spdy(channel, connect).run()

        return Tunnel(_HEAD, tunnelled)
    if V4 not in offered(request.headers):
        raise BadRequest(f"unable to upgrade: only {V4} and SPDY/3.1 are served")

    async def serve(socket: WebSocketChannel) -> None:
        await _by_channels(socket, ports, connect)

    return Upgrade(V4, serve)


class _Connection:
    """One connection to a port: what was heard on it so far, and what it is told."""

    def __init__(self, found: Port | str) -> None:
        self._found = found
        self._heard = b""

    def hear(self, data: bytes, ended: bool) -> tuple[bytes, bytes] | None:
        """Return data and error to send, after which it is over; None while it goes on."""
        if isinstance(self._found, str):
            return b"", self._found.encode()
        if len(self._heard) < MOST:
            self._heard += data
        said = reply(self._found, self._heard, ended)
        return None if said is None else (said, b"")


class _Spdy:
    """One client: a connection is a pair of streams, `error` and `data`, that name the same request."""

    def __init__(self, channel: ByteChannel, connect: Connect) -> None:
        self._channel = channel
        self._connect = connect
        self._session = Session(client=False)
        self._errors: dict[str, int] = {}
        self._open: dict[int, tuple[_Connection, int]] = {}
        """By the data stream: the connection, and its error stream."""

    async def run(self) -> None:
        """Answer until the client has gone."""
        while data := await self._channel.receive():
            answers = b"".join(piece for event in self._session.receive(data) for piece in self._on(event))
            if answers:
                await self._channel.send(answers)
        self._channel.close()

    def _on(self, event: Event) -> Iterator[bytes]:
        if isinstance(event, Opened):
            yield from self._opened(event)
        elif isinstance(event, Data):
            if event.data:
                yield self._session.window_update(event.stream, len(event.data))
            yield from self._heard(event.stream, event.data, event.fin)
        elif isinstance(event, Reset):
            self._open.pop(event.stream, None)
        elif isinstance(event, Pinged) and event.id % 2 == 1:
            yield self._session.ping(event.id)

    def _opened(self, event: Opened) -> Iterator[bytes]:
        kind, port = event.headers.get("streamtype", ""), event.headers.get("port", "")
        # clients that name no request open the error stream right before the data stream
        named = event.headers.get("requestid") or str(event.stream - (2 if kind == "data" else 0))
        known = port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536
        full = len(self._errors) + len(self._open) >= _MOST_STREAMS
        if full or not known or kind not in ("error", "data") or (kind == "data" and named not in self._errors):
            yield self._session.reset(event.stream)
            return
        yield self._session.reply(event.stream, {})
        if kind == "error":
            self._errors[named] = event.stream
            return
        self._open[event.stream] = _Connection(self._connect(int(port))), self._errors.pop(named)
        yield from self._heard(event.stream, b"", event.fin)

    def _heard(self, stream: int, data: bytes, ended: bool) -> Iterator[bytes]:
        found = self._open.get(stream)
        if found is None:
            return
        connection, error = found
        said = connection.hear(data, ended)
        if said is not None:
            del self._open[stream]
            yield self._session.data(error, said[1], fin=True)
            yield self._session.data(stream, said[0], fin=True)


async def _by_channels(socket: WebSocketChannel, ports: Sequence[int], connect: Connect) -> None:
    """Serve the older protocol: two channels a port, data and error, each begun with the port's number."""
    going = {2 * at: _Connection(connect(port)) for at, port in enumerate(ports[:100])}

    async def hear(channel: int, data: bytes) -> None:
        said = going[channel].hear(data, False)
        if said is None:
            return
        del going[channel]
        for number, piece in zip((channel, channel + 1), said, strict=True):
            if piece:
                await socket.send(bytes((number,)) + piece)

    for channel, port in zip(tuple(going), ports, strict=False):
        for number in (channel, channel + 1):
            await socket.send(bytes((number,)) + port.to_bytes(2, "little"))
    for channel in tuple(going):
        await hear(channel, b"")
    while going and (message := await socket.receive()) is not None:
        if isinstance(message, bytes) and message and message[0] in going:
            await hear(message[0], message[1:])
    await socket.close()
