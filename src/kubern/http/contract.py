"""What a handler sees and returns. Handlers do not know the connection layer: `Request → Response | Stream | Upgrade`.

A handler may answer synchronously (nothing has to wait, no task is made) or return an awaitable of the same.
The in-process transport of the client calls the same handlers with the same types.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

Headers = Sequence[tuple[str, str]]


class Peer(NamedTuple):
    """Who is at the other end of the connection. `certificate` is the verified client certificate, DER, read once a connection.

    `user` is set only by the in-process transport: the caller's identity, already known (name, groups).
    """

    address: str = ""
    certificate: bytes = b""
    user: Any = None
    memo: dict[str, Any] | None = None
    """Per-connection scratch space, for what is worth computing once a connection (the user of a certificate)."""


class Request(NamedTuple):
    """One request. `path` is percent-decoded, `query` is the raw query string, header names are lower-case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    peer: Peer


class Response(NamedTuple):
    """A whole answer; `content-length` is added by the connection."""

    status: int
    headers: Headers
    body: bytes = b""


class StreamWriter(Protocol):
    """The sending side of a streamed answer."""

    def write(self, data: bytes) -> None:
        """Send one chunk (buffered; the connection is cut when the peer lets more than the send limit pile up)."""
        ...

    def close(self) -> None:
        """End the answer."""
        ...

    @property
    def buffered(self) -> int:
        """How many bytes wait to be sent."""
        ...

    @property
    def closed(self) -> bool: ...

    async def drain(self) -> None:
        """Wait until the peer has taken enough for more to be written (for log streams; watches never wait)."""
        ...


class Stream(NamedTuple):
    """An answer that is written over time. `start` is called once with the writer after the head was sent; it must not block.

    `stop` is called exactly once when the answer has ended, whoever ended it.
    """

    status: int
    headers: Headers
    start: Callable[[StreamWriter], None]
    stop: Callable[[], None]


class WebSocketChannel(Protocol):
    """An accepted WebSocket."""

    subprotocol: str

    async def receive(self) -> bytes | str | None:
        """Return the next message (bytes for binary, str for text), or None when the peer has closed."""
        ...

    async def send(self, data: bytes | str) -> None:
        """Send one message, waiting while the peer is slow."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None: ...


class Upgrade(NamedTuple):
    """Accept the WebSocket with `subprotocol` (chosen from what the client offered) and run `serve` until it returns."""

    subprotocol: str
    serve: Callable[[WebSocketChannel], Awaitable[None]]


Answer = Response | Stream | Upgrade
Handler = Callable[[Request], Answer | Awaitable[Answer]]
