"""One accepted connection: reads requests, asks the handler, writes answers in the order of the requests.

Made by `server.serve` for every connection. What always holds: one request is in the handler's hands at a time; an answer that
needs no waiting is written in the same call that read the request; whoever ends a stream, its `stop` runs exactly once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol, cast

from kubern.base.errors import StatusError
from kubern.http.channel import Channel
from kubern.http.contract import Answer, Handler, Peer, Response, Stream, Tunnel, Upgrade
from kubern.http.heads import GZIP_FROM, Heads, accepts_gzip, compressed, error_response, refusal
from kubern.http.limits import Limits
from kubern.http.parser import BadMessage, Parsed, RequestParser
from kubern.http.pieces import slices_of
from kubern.http.streaming import ChunkedWriter
from kubern.http.tls import certificate_of
from kubern.http.websocket import WebSocket, accept_head

log = logging.getLogger(__name__)

_JOIN_BELOW = 256 * 1024
"""A body up to this size is joined with its head to one write; a larger one is handed over in slices of it as the peer takes
them, so that what waits encrypted stays small and a peer that takes nothing is noticed."""
_COMPRESS_IN_THREAD = 1 << 20
_LINGER = 1.0
"""Seconds that a refused sender gets to read why, before its connection goes."""
_NEVER = float("inf")


class Host(Protocol):
    """What connections share: the server."""

    handler: Handler
    limits: Limits
    heads: Heads
    loop: asyncio.AbstractEventLoop
    closing: bool

    def opened(self, connection: Connection) -> bool:
        """Count a connection in; False when there are too many."""
        ...

    def closed(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """The state machine of one connection: reading, answering, streaming, or handed over to a `Channel`."""

    transport: asyncio.Transport

    def __init__(self, host: Host) -> None:
        self._host = host
        self._queue: deque[Parsed] = deque()
        self._current: Parsed | None = None
        self._task: asyncio.Task[None] | None = None
        self._writer: ChunkedWriter | None = None
        self._channel: Channel | None = None
        self._unsent: Iterator[bytes | memoryview] | None = None
        """What is left of a large body."""
        self._keep = False
        """Whether the connection goes on after the answer that is being sent."""
        self._broken: BadMessage | None = None
        self._discarding = False
        self._reading_paused = False
        self._writable: asyncio.Future[None] | None = None
        self.deadline = _NEVER
        """The loop time at which the connection has been quiet for too long; checked by the server's sweep."""

    # --- the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if not self._host.opened(self):
            self.transport.abort()
            return
        tls = transport.get_extra_info("ssl_object")
        certificate, refused = certificate_of(tls) if tls is not None else (b"", "")
        address = transport.get_extra_info("peername")
        peer = Peer(address[0] if isinstance(address, tuple) else "", certificate, None, {}, refused)
        self._parser = RequestParser(self._host.limits, peer)
        self._head = self._host.heads.head
        self.deadline = self._host.loop.time() + self._host.limits.idle_timeout

    def data_received(self, data: bytes) -> None:
        if self._channel is not None:
            self._channel.data_received(data)
            return
        if self._discarding or self._broken is not None:
            return
        parser = self._parser
        was_in_head, was_in_body = parser.in_head, parser.in_body
        try:
            parser.feed(data)
        except BadMessage as error:
            self._broken = error
        if parser.complete:
            self._queue.extend(parser.complete)
            parser.complete.clear()
        if self._current is None:
            self._advance()
        else:
            self._throttle()
        if self._current is None and not self._discarding and self._channel is None:
            self._set_read_deadline(was_in_head, was_in_body)

    def _set_read_deadline(self, was_in_head: bool, was_in_body: bool) -> None:
        # The time for a head or a body runs from its first byte, so that crumbs do not prolong it.
        limits = self._host.limits
        if self._parser.in_head:
            if not was_in_head:
                self.deadline = self._host.loop.time() + limits.head_timeout
        elif self._parser.in_body:
            if not was_in_body:
                self.deadline = self._host.loop.time() + limits.body_timeout
        else:
            self.deadline = self._host.loop.time() + limits.idle_timeout

    def eof_received(self) -> bool:
        if self._channel is not None:
            return self._channel.eof_received()
        return False

    def pause_writing(self) -> None:
        if self._channel is not None:
            self._channel.pause_writing()
        if self._writable is None:
            self._writable = self._host.loop.create_future()

    def resume_writing(self) -> None:
        if self._channel is not None:
            self._channel.resume_writing()
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None
        if self._unsent is not None:
            self._send_slices()
        if self._current is None and self._channel is None:
            self._advance()

    def connection_lost(self, error: Exception | None) -> None:
        self._host.closed(self)
        self._queue.clear()
        self._unsent = None
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None
        if self._channel is not None:
            self._channel.connection_lost(error)  # its server notices at its next receive or send
        elif self._task is not None:
            self._task.cancel()
        if self._writer is not None:
            self._writer.lost()

    # --- requests, one after the other

    def _advance(self) -> None:
        while self._queue and self._current is None and self._writable is None and not self.transport.is_closing():
            self._dispatch(self._queue.popleft())
        if self._current is None and not self._queue:
            if self._broken is not None and not self._discarding:
                self._refuse(self._broken)
            elif self._parser.wants_continue:
                self._parser.wants_continue = False
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._throttle()

    def _throttle(self) -> None:
        left = self._parser.leftover
        full = len(self._queue) >= self._host.limits.pipelined or (left is not None and len(left) > _JOIN_BELOW)
        if full == self._reading_paused or self._channel is not None or self.transport.is_closing():
            return
        self._reading_paused = full
        if full:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _dispatch(self, parsed: Parsed) -> None:
        self._current = parsed
        self.deadline = _NEVER
        try:
            answer = self._host.handler(parsed.request)
        except Exception as error:  # noqa: BLE001 the edge: logged and answered 500
            answer = self._failure(error)
        if type(answer) is Response and not answer.gzip:
            self._respond(answer)
        elif isinstance(answer, Awaitable):
            self._task = self._host.loop.create_task(self._wait(answer))
        else:
            self._give(answer)

    async def _wait(self, pending: Awaitable[Answer]) -> None:
        try:
            answer = await pending
        except Exception as error:  # noqa: BLE001 the edge: logged and answered 500
            answer = self._failure(error)
        if isinstance(answer, (Tunnel, Upgrade)):
            await self._take_over(answer)
            return
        if isinstance(answer, Response) and self._to_compress(answer):
            answer = await self._host.loop.run_in_executor(None, compressed, answer)
        self._task = None
        self._give(answer)
        if self._current is None:
            self._advance()

    def _failure(self, error: Exception) -> Response:
        if isinstance(error, StatusError):
            return error_response(error)
        request = self._current.request if self._current is not None else None
        where = (request.method, request.path) if request else ("", "")
        log.error("a handler failed: %s %s", *where, exc_info=error)
        return refusal(500, "Internal error occurred: the handler failed; the server's log says why")

    def _to_compress(self, response: Response) -> bool:
        return (
            response.gzip
            and len(response.body) >= GZIP_FROM
            and self._current is not None
            and accepts_gzip(self._current.request.headers.get("accept-encoding", ""))
        )

    def _give(self, answer: Answer) -> None:
        """Write an answer of any kind; synchronous."""
        if self.transport.is_closing():
            if isinstance(answer, Stream):
                answer.stop()
            return
        if isinstance(answer, Response):
            if self._to_compress(answer):
                if len(answer.body) > _COMPRESS_IN_THREAD:
                    self._task = self._host.loop.create_task(self._wait(_ready(answer)))
                    return
                answer = compressed(answer)
            self._respond(answer)
        elif isinstance(answer, Stream):
            self._stream(answer)
        else:
            self._task = self._host.loop.create_task(self._take_over(answer))

    def _framing(self, parsed: Parsed) -> tuple[bytes, bool]:
        """Return the Connection header that an answer needs, and whether the connection goes on afterwards."""
        if not parsed.keep_alive or self._host.closing or parsed.upgrade:
            return b"Connection: close\r\n", False
        return b"Connection: keep-alive\r\n" if parsed.http10 else b"", True

    def _respond(self, response: Response) -> None:
        parsed = cast(Parsed, self._current)
        status, headers, body = response[:3]
        connection, keep = self._framing(parsed)
        try:
            head = self._head(status, headers)
        except (ValueError, UnicodeEncodeError) as error:
            self._respond(self._failure(error))
            return
        if status in (204, 304):
            data, body = b"%b%b\r\n" % (head, connection), b""
        else:
            data = b"%b%bContent-Length: %d\r\n\r\n" % (head, connection, len(body))
        if parsed.request.method == "HEAD":
            body = b""
        if len(body) <= _JOIN_BELOW:
            self.transport.write(data + bytes(body))
            self._done(keep)
        else:
            self.transport.write(data)
            self._keep = keep
            self._unsent = slices_of(body)
            self._send_slices()

    def _send_slices(self) -> None:
        """Send more of a large body; `resume_writing` calls it again when the peer has taken enough."""
        unsent = cast("Iterator[bytes | memoryview]", self._unsent)
        while self._writable is None and not self.transport.is_closing():
            part = next(unsent, None)
            if part is None:
                self._unsent = None
                self._done(self._keep)
                return
            self.transport.write(part)
        self.deadline = self._host.loop.time() + self._host.limits.idle_timeout

    def _done(self, keep: bool) -> None:
        self._current = None
        self.deadline = self._host.loop.time() + self._host.limits.idle_timeout
        if not keep:
            self._queue.clear()
            self._discarding = True
            self.transport.close()

    def _refuse(self, error: BadMessage) -> None:
        """Answer what could not be read. The sender may still be sending: what it sends is thrown away for a moment, since
        closing at once would reset the connection and take the answer away from it."""
        response = refusal(error.status, error.message)
        head = self._head(response.status, response.headers)
        length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(response.body)
        self.transport.write(head + length + bytes(response.body))
        self._discarding = True
        self.deadline = self._host.loop.time() + _LINGER

    # --- streamed answers

    def _stream(self, stream: Stream) -> None:
        parsed = cast(Parsed, self._current)
        connection, keep = self._framing(parsed)
        framed = not parsed.http10
        if not framed:
            connection, keep = b"Connection: close\r\n", False
        try:
            head = self._head(stream.status, stream.headers) + connection
        except (ValueError, UnicodeEncodeError) as error:
            stream.stop()
            self._respond(self._failure(error))
            return
        head += b"Transfer-Encoding: chunked\r\n\r\n" if framed else b"\r\n"
        self.transport.write(head)
        if parsed.request.method == "HEAD":
            stream.stop()
            self._done(keep)
            return
        self._keep = keep
        self._writer = ChunkedWriter(self, framed, self._host.limits.send_buffer, stream.stop)
        try:
            stream.start(self._writer)
        except Exception:
            log.exception("a stream failed to start: %s %s", parsed.request.method, parsed.request.path)
            self._writer.lost()

    def stream_ended(self, complete: bool) -> None:
        """The writer has ended; called by it, once."""
        self._writer = None
        if not complete:
            self.transport.abort()
            return
        self._done(self._keep and not self._host.closing)
        # Not at once: the producer may be in the middle of its own work.
        self._host.loop.call_soon(self._resume)

    def _resume(self) -> None:
        if self._current is None and not self._discarding:
            self._advance()

    async def writable(self) -> None:
        """Return once the transport takes more (or is gone)."""
        while self._writable is not None:
            await asyncio.shield(self._writable)

    # --- connections that become something else

    async def _take_over(self, answer: Tunnel | Upgrade) -> None:
        parsed = cast(Parsed, self._current)
        serve: Callable[[Channel], Awaitable[None]]
        if not parsed.upgrade or (isinstance(answer, Upgrade) and parsed.upgrade != "websocket"):
            log.error("an upgrade was answered to a request without one: %s", parsed.request.path)
            self._respond(refusal(400, "Upgrade request required"))
            return
        if isinstance(answer, Upgrade):
            subprotocol, run = answer
            try:
                head = accept_head(parsed.request.headers, subprotocol)
            except ValueError as error:
                self._respond(refusal(400, str(error)))
                return

            async def serve(channel: Channel) -> None:
                socket = WebSocket(channel, subprotocol)
                try:
                    await run(socket)
                finally:
                    await socket.close()
        else:
            head, serve = answer.head, answer.serve
        channel = self._channel = Channel(bytes(self._parser.leftover or b""))
        channel.connection_made(self.transport)
        if self._reading_paused:
            self.transport.resume_reading()
        self.transport.write(head)
        try:
            await serve(channel)
        except ConnectionError as error:
            log.debug("a taken-over connection broke: %s: %s", parsed.request.path, error)
        except Exception:
            log.exception("a taken-over connection failed: %s", parsed.request.path)
        finally:
            channel.close()

    # --- the server's calls

    def expire(self) -> None:
        """The deadline has passed: end the connection. A head or body that did not come in time is answered 408."""
        self.deadline = _NEVER
        if not self._discarding and self._channel is None and (self._parser.in_head or self._parser.in_body):
            self._refuse(BadMessage(408, "the request did not arrive in time"))
        else:
            self._discarding = True
            if self._unsent is not None or self.transport.is_closing() or self.transport.get_write_buffer_size():
                self.transport.abort()
            else:
                self.transport.close()

    @property
    def waiting(self) -> int:
        """How many bytes of a streamed answer the peer has not taken yet."""
        return self._writer.buffered if self._writer is not None else 0

    def cut(self) -> None:
        """Break a streamed answer off: the client sees that there was more, and asks again."""
        if self._writer is not None:
            self._writer.lost()

    def shut_down(self) -> None:
        """Finish: idle connections go now, an answer on its way is finished, streams end, taken-over connections are closed."""
        if self._writer is not None:
            self._writer.close()
        elif self._channel is not None:
            if self._task is not None:
                self._task.cancel()
        elif self._current is None:
            self._discarding = True
            self.transport.close()

    def kill(self) -> None:
        """End at once."""
        if self._task is not None:
            self._task.cancel()
        self.transport.abort()


async def _ready(answer: Answer) -> Answer:
    return answer
