"""What a handler sees and returns. Handlers do not know the connection layer: `Request → Response | Stream | Upgrade`.

A handler may answer synchronously (nothing has to wait, no task is made) or return an awaitable of the same.
The in-process transport of the client calls the same handlers with the same types.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from kubern.http.pieces import Body

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
    refused_certificate: str = ""
    """Why the certificate that the client showed does not verify; `certificate` is empty then."""


class Request(NamedTuple):
    """One request. `path` is percent-decoded, `query` is the raw query string, header names are lower-case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    peer: Peer
    raw_path: str = ""
    """The path as it was sent, still percent-encoded, for those who pass it on (proxy); empty from the in-process transport."""


class Response(NamedTuple):
    """A whole answer; `content-length` is added by the connection. Headers given as a tuple are encoded once and remembered."""

    status: int
    headers: Headers
    body: Body = b""
    gzip: bool = False
    """Compress a body of 128 KiB or more for a client that accepts gzip."""


class StreamWriter(Protocol):
    """The sending side of a streamed answer."""

    def write(self, data: bytes) -> None:
        """Send one chunk (buffered; the connection is cut when more than the send limit had already piled up)."""
        ...

    def write_framed(self, chunk: bytes) -> None:
        """Send what `frame_chunk` made: the same bytes object may go to any number of writers."""
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


class ByteChannel(Protocol):
    """A raw duplex connection with back-pressure in both directions."""

    async def receive(self) -> bytes:
        """Return the next bytes, `b""` once the peer has ended its side. Raises `ConnectionError` when it broke."""
        ...

    async def send(self, data: bytes) -> None:
        """Send bytes, waiting while the peer is slow. Raises `ConnectionError` when the peer is gone."""
        ...

    def send_eof(self) -> None:
        """End our side; the peer may go on sending. Over TLS, which has no half-close here, the whole channel is closed."""
        ...

    def close(self) -> None:
        """Close once what was sent has gone out."""
        ...

    def abort(self) -> None:
        """Close at once and drop what was not sent."""
        ...


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


class Tunnel(NamedTuple):
    """Take the connection over raw: `head` (the whole response head, verbatim) is sent, then `serve` owns the bytes until it
    returns. Only for requests with an `Upgrade` header."""

    head: bytes
    serve: Callable[[ByteChannel], Awaitable[None]]


Answer = Response | Stream | Upgrade | Tunnel
Handler = Callable[[Request], Answer | Awaitable[Answer]]


def frame_chunk(data: bytes) -> bytes:
    """Return `data` as one HTTP/1.1 chunk, ready for `StreamWriter.write_framed` of many writers. `data` is not empty."""
    return b"%x\r\n%b\r\n" % (len(data), data)
