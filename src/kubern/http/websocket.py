"""The server's side of a WebSocket (RFC 6455) over a `ByteChannel`; `wsproto` does the framing."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import deque
from collections.abc import Mapping

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.utilities import LocalProtocolError

from kubern.http.contract import ByteChannel

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MESSAGE_LIMIT = 32 << 20
"""A message of more bytes closes the WebSocket with 1009."""


def offered(headers: Mapping[str, str]) -> list[str]:
    """Return the sub-protocols that a client offers, in its order."""
    return [name for part in headers.get("sec-websocket-protocol", "").split(",") if (name := part.strip())]


def is_websocket(headers: Mapping[str, str]) -> bool:
    """Tell whether a request asks to become a WebSocket."""
    tokens = {token.strip().lower() for token in headers.get("connection", "").split(",")}
    return "upgrade" in tokens and headers.get("upgrade", "").lower() == "websocket"


def accept_head(headers: Mapping[str, str], subprotocol: str) -> bytes:
    """Return the whole 101 response head. Raises `ValueError` for a handshake that is not RFC 6455's."""
    if headers.get("sec-websocket-version") != "13":
        raise ValueError("only WebSocket version 13 is supported")
    key = headers.get("sec-websocket-key", "").strip()
    try:
        valid = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        valid = False
    if not valid:
        raise ValueError("malformed Sec-WebSocket-Key")
    token = base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest())
    protocol = b"Sec-WebSocket-Protocol: %b\r\n" % subprotocol.encode("latin-1") if subprotocol else b""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n%b\r\n" % (token, protocol)
    )


class WebSocket:
    """`contract.WebSocketChannel`. One task receives (and so answers pings); any number may send."""

    def __init__(self, channel: ByteChannel, subprotocol: str) -> None:
        self.subprotocol = subprotocol
        self._channel = channel
        self._frames = Connection(ConnectionType.SERVER)
        self._parts: list[bytes | str] = []
        self._size = 0
        self._messages: deque[bytes | str] = deque()
        self._ended = False

    async def receive(self) -> bytes | str | None:
        """Return the next message; None once the peer has closed or broke the protocol."""
        while not self._messages:
            if self._ended:
                return None
            data = await self._channel.receive()
            if not data:
                self._ended = True
                return None
            self._frames.receive_data(data)
            for event in self._frames.events():
                await self._handle(event)
        return self._messages.popleft()

    async def _handle(self, event: Event) -> None:
        if isinstance(event, (BytesMessage, TextMessage)):
            data = bytes(event.data) if isinstance(event, BytesMessage) else event.data
            self._size += len(data)
            if self._size > MESSAGE_LIMIT:
                await self.close(1009, "message too big")
                return
            self._parts.append(data)
            if event.message_finished:
                self._messages.append(_joined(self._parts))
                self._parts, self._size = [], 0
        elif isinstance(event, Ping):
            await self._send(event.response())
        elif isinstance(event, CloseConnection):
            self._ended = True
            if self._frames.state is ConnectionState.REMOTE_CLOSING:
                await self._send(event.response())
            elif self._frames.state is ConnectionState.OPEN:
                # not a close of the peer's: wsproto tells so that it broke the protocol
                await self.close(int(event.code), event.reason or "")

    async def send(self, data: bytes | str) -> None:
        """Send one message, waiting while the peer is slow. Raises `ConnectionError` after a close."""
        await self._send(BytesMessage(data) if isinstance(data, bytes) else TextMessage(data))

    async def _send(self, event: Event) -> None:
        try:
            frame = self._frames.send(event)
        except LocalProtocolError as error:
            raise ConnectionError("the WebSocket is closed") from error
        await self._channel.send(frame)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame, once; nothing can be sent or received afterwards."""
        self._ended = True
        if self._frames.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
            try:
                await self._send(CloseConnection(code, reason[:120]))
            except ConnectionError:
                pass  # the peer went first


def _joined(parts: list[bytes | str]) -> bytes | str:
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], str):
        return "".join(part for part in parts if isinstance(part, str))
    return b"".join(part for part in parts if isinstance(part, bytes))
