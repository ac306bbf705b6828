"""Requests to another HTTP/1.1 server over a `Channel`: a streamed answer (`fetch`), or a connection that changes protocol
(`upgrade`, `tunnel`). Used towards kubelets, pods and container runtimes; components that talk to the apiserver have their own client.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

import httptools

from kubern.http.channel import Channel, splice
from kubern.http.contract import ByteChannel, Response, StreamWriter, Tunnel

_HEAD_LIMIT = 1 << 20
HOP_BY_HOP = frozenset((
    "connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade",
))  # fmt: skip
"""Headers that concern one connection only (RFC 9110, 7.6.1)."""


class BadAnswer(ConnectionError):
    """What came is not HTTP."""


class Unanswered(BadAnswer):
    """The connection ended before a single byte of an answer: one that was kept may have been closed before it was used again."""


class Head(NamedTuple):
    """An answer's head. `raw` is verbatim, the empty line included; `headers` have lower-case names."""

    status: int
    headers: list[tuple[str, str]]
    raw: bytes = b""

    def get(self, name: str) -> str:
        """Return a header's first value, empty when there is none."""
        return next((value for key, value in self.headers if key == name), "")


def request_head(method: str, target: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return a request head. Raises `ValueError` for parts that would break out of their line."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    for line in lines:
        if "\r" in line or "\n" in line:
            raise ValueError(f"line break in a request head: {line!r}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def read_head(channel: ByteChannel) -> tuple[Head, bytes]:
    """Read an answer's head; returns it with the bytes that came after it. Raises `BadAnswer`."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        part = await channel.receive()
        data += part
        if not part or len(data) > _HEAD_LIMIT:
            raise BadAnswer("the connection ended before an answer" if not part else "the answer's head is too large")
    raw, rest = data[: end + 4], data[end + 4 :]
    first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
    version, _, status = first.partition(" ")
    if not version.startswith("HTTP/1.") or not status[:3].isdigit():
        raise BadAnswer(f"not an HTTP answer: {first[:60]!r}")
    headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Head(int(status[:3]), headers, raw), rest


class Fetched:
    """A streamed answer: `head`, and the body by iterating. `close` it in the end."""

    def __init__(self, channel: Channel, method: str) -> None:
        self._channel = channel
        self._parser = httptools.HttpResponseParser(self)
        # RFC 9112, 2.2: as Go does, and as CGI scripts need whose `echo` ends a line so; framing stays strict
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)
        self._no_body = method == "HEAD"
        self._headers: list[tuple[str, str]] = []
        self._parts: list[bytes] = []
        self._has_head = False
        self._complete = False
        self._keeps = False
        self._beside = 0
        """Bytes since the last part of a body: heads, trailers and framing, which the parser keeps until they are whole."""
        self.silent = True
        """Whether nothing of an answer has come yet."""
        self.head = Head(0, [])

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._headers.clear()
            return
        self._has_head = True
        self.head = Head(status, list(self._headers))

    def on_body(self, data: bytes) -> None:
        self._parts.append(data)
        self._beside = 0

    def on_message_complete(self) -> None:
        self._complete = self._has_head
        # asked here, since the parser forgets it with the message
        self._keeps = bool(self._parser.should_keep_alive())

    async def _more(self) -> None:
        data = await self._channel.receive()
        if not data:
            sized = bool(self.head.get("content-length")) or "chunked" in self.head.get("transfer-encoding").lower()
            if not self._has_head or sized:
                raise BadAnswer("the connection ended in the middle of an answer")
            self._complete = True  # a body without a length lasts as long as its connection
            return
        self.silent = False
        self._beside += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise BadAnswer(f"not an HTTP answer: {error}") from error
        if self._beside > _HEAD_LIMIT:
            raise BadAnswer("the answer's head or trailer is too large")

    async def read_head(self) -> None:
        """Wait for the head. Raises `ConnectionError`."""
        while not self._has_head:
            await self._more()
        self._complete = self._complete or self._no_body

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes. Raises `ConnectionError` when it is cut short."""
        while True:
            parts, self._parts = self._parts, []
            for part in parts:
                yield part
            if self._complete:
                return
            await self._more()

    async def copy_to(self, writer: StreamWriter) -> None:
        """Pass the body on as it comes, as fast as the reader takes it. Raises `ConnectionError` when it is cut short."""
        async for part in self.body():
            writer.write(part)
            await writer.drain()

    async def text(self, limit: int = 1 << 20) -> str:
        """Read the body as text, up to a limit of bytes; for error messages."""
        data = b""
        async for part in self.body():
            data += part
            if len(data) > limit:
                break
        return data[:limit].decode(errors="replace")

    @property
    def reusable(self) -> bool:
        """Whether the answer has been read whole and the connection may be used for another request."""
        return self._complete and self._keeps and self._channel.silent

    def close(self) -> None:
        """Give the connection up."""
        self._channel.abort() if not self._complete else self._channel.close()


async def fetch(
    channel: Channel, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes = b"", *, keep: bool = False
) -> Fetched:  # fmt: skip
    """Send a request (its body whole) and wait for the answer's head.

    `headers` must hold Host; Content-Length and Connection are added. `keep` asks the server to leave the connection open, which whoever
    calls takes back when the answer is `reusable`; otherwise it is used once. Raises `ConnectionError` (`Unanswered` when no byte
    of an answer came); the channel is closed then."""
    framing = [] if keep else [("Connection", "close")]
    if body or method not in ("GET", "HEAD"):
        framing.append(("Content-Length", str(len(body))))
    fetched = Fetched(channel, method)
    try:
        await channel.send(request_head(method, target, [*headers, *framing]) + body)
        await fetched.read_head()
    except ConnectionError as error:
        channel.abort()
        if fetched.silent:
            raise Unanswered(str(error)) from error
        raise
    except BaseException:
        channel.abort()
        raise
    return fetched


async def tunnel(channel: Channel, head: bytes, body_limit: int = 1 << 20) -> Tunnel | Response:
    """Send an upgrade request's head verbatim and read the answer. 101 gives a `Tunnel` that copies bytes both ways with
    back-pressure and half-close until both sides end; any other answer is given as a `Response`. Raises `ConnectionError`."""
    try:
        await channel.send(head)
        answer, rest = await read_head(channel)
        if answer.status != 101:
            return await refused(channel, answer, rest, body_limit)
    except BaseException:
        channel.abort()
        raise

    async def serve(client: ByteChannel) -> None:
        try:
            if rest:
                await client.send(rest)
            await splice(client, channel)
        finally:
            channel.abort()

    return Tunnel(answer.raw, serve)


async def refused(channel: Channel, head: Head, rest: bytes, limit: int = 1 << 20) -> Response:
    """Return what was answered instead of an upgrade, its body read up to a limit; closes the channel."""
    fetched = Fetched(channel, "GET")
    fetched._parser.feed_data(head.raw + rest)
    body = await fetched.text(limit)
    fetched.close()
    kept = tuple((name, value) for name, value in head.headers if name not in HOP_BY_HOP | {"content-length", "date"})
    return Response(head.status, kept, body.encode())
