"""The sending side of an answer that is written over time, and a way to produce one from a coroutine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from kubern.http.contract import Headers, Stream, StreamWriter, frame_chunk

log = logging.getLogger(__name__)


class Sink(Protocol):
    """What a writer needs of its connection."""

    transport: asyncio.Transport

    def stream_ended(self, complete: bool) -> None:
        """The answer was closed by its producer (`complete`) or must be cut."""
        ...

    async def writable(self) -> None:
        """Return once the transport takes more."""
        ...


class ChunkedWriter:
    """`contract.StreamWriter` over HTTP/1.1 chunks (`framed`), or over bare bytes until the end of the connection for 1.0."""

    __slots__ = ("_closed", "_framed", "_limit", "_sink", "_stop", "_write", "bytes_waiting")

    def __init__(self, sink: Sink, framed: bool, limit: int, stop: Callable[[], None]) -> None:
        self._sink = sink
        self._framed = framed
        self._limit = limit
        self._stop: Callable[[], None] | None = stop
        self._closed = False
        self._write = sink.transport.write
        self.bytes_waiting = sink.transport.get_write_buffer_size

    @property
    def buffered(self) -> int:
        """How many bytes wait to be sent."""
        return self.bytes_waiting()

    @property
    def closed(self) -> bool:
        """Whether the answer has ended."""
        return self._closed

    def write(self, data: bytes) -> None:
        """Send one chunk; a peer that had let more than the limit pile up is cut."""
        if data:
            self.write_framed(frame_chunk(data))

    def write_framed(self, chunk: bytes) -> None:
        """Send one chunk that is framed already."""
        if self._closed:
            return
        if self.bytes_waiting() > self._limit:
            self._finish(complete=False)
            return
        if self._framed:
            self._write(chunk)
        else:
            start = chunk.index(b"\r\n") + 2
            self._write(chunk[start:-2])

    def close(self) -> None:
        """End the answer."""
        if not self._closed:
            if self._framed:
                self._write(b"0\r\n\r\n")
            self._finish(complete=True)

    async def drain(self) -> None:
        """Wait until the peer has taken enough; returns at once when the answer has ended."""
        if not self._closed:
            await self._sink.writable()

    def lost(self) -> None:
        """The connection is gone: end without sending."""
        if not self._closed:
            self._finish(complete=False)

    def _finish(self, complete: bool) -> None:
        self._closed = True
        stop, self._stop = self._stop, None
        try:
            if stop is not None:
                stop()
        finally:
            self._sink.stream_ended(complete)


def nothing() -> None:
    """Release nothing."""


def produced(
    status: int,
    headers: Headers,
    produce: Callable[[StreamWriter], Awaitable[None]],
    release: Callable[[], None] = nothing,
) -> Stream:
    """Return a stream whose bytes `produce` writes: it runs as a task that is cancelled when the client goes, and the answer ends
    when it returns. An exception is logged and cuts the answer off (its head was sent long ago). `release` is called once in any
    case, also when the stream never started."""
    tasks: list[asyncio.Task[None]] = []

    async def run(writer: StreamWriter) -> None:
        try:
            await produce(writer)
        except Exception:
            log.exception("a streamed answer failed")
            if isinstance(writer, ChunkedWriter):
                writer.lost()  # cut, or the client would take what it has for the whole
        finally:
            writer.close()

    def start(writer: StreamWriter) -> None:
        tasks.append(asyncio.get_running_loop().create_task(run(writer)))

    def stop() -> None:
        release()
        for task in tasks:
            if task is not asyncio.current_task():
                task.cancel()

    return Stream(status, headers, start, stop)
