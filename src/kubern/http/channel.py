"""A raw duplex byte channel with back-pressure, over a transport of either side.

The server's connection hands itself over to a `Channel` when a request changes protocol; a client makes one as the protocol of
its own connection. What always holds: at most `_HIGH` bytes (and one read more) wait to be received, and `send` returns only when
the peer keeps up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from kubern.http.contract import ByteChannel

_HIGH = 256 * 1024
_LOW = 64 * 1024


class Channel(asyncio.Protocol):
    """One connection as bytes. Implements `contract.ByteChannel`."""

    def __init__(self, first: bytes = b"") -> None:
        self._received: list[bytes] = [first] if first else []
        self._waiting = len(first)
        self._eof = False
        self._lost: Exception | None = None
        self._is_lost = False
        self._reading_paused = False
        self._reader: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the connection is closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    @property
    def transport(self) -> asyncio.Transport:
        """The transport below. Raises `ConnectionError` before there is one."""
        if self._transport is None:
            raise ConnectionError("the connection was not made")
        return self._transport

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken, which has no half-close here."""
        return self.transport.get_extra_info("ssl_object") is not None

    @property
    def silent(self) -> bool:
        """Whether the connection is open and nothing has come that was not received."""
        return not (self._received or self._eof or self._is_lost or self.transport.is_closing())

    def data_received(self, data: bytes) -> None:
        self._received.append(data)
        self._waiting += len(data)
        if self._waiting > _HIGH and not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._eof = True
        self._wake()
        return not self.encrypted

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None

    def connection_lost(self, error: Exception | None) -> None:
        self._lost, self._is_lost, self._eof = error, True, True
        self.resume_writing()
        self._wake()
        if not self.gone.done():
            self.gone.set_result(None)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def receive(self) -> bytes:
        """Return what has arrived, waiting for the first of it; `b""` at the peer's end. One caller at a time."""
        while not self._received:
            if self._lost is not None:
                raise ConnectionError(f"the connection broke: {self._lost}") from self._lost
            if self._eof:
                return b""
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = self._received[0] if len(self._received) == 1 else b"".join(self._received)
        self._received.clear()
        self._waiting = 0
        if self._reading_paused and not self._is_lost and not self.transport.is_closing():
            self._reading_paused = False
            self.transport.resume_reading()
        return data

    async def send(self, data: bytes) -> None:
        """Send bytes and wait while the peer is slow. Raises `ConnectionError` when the connection is gone."""
        if self._is_lost or self.transport.is_closing():
            raise ConnectionError("the connection is closed")
        if data:
            self.transport.write(data)
        while self._writable is not None:
            await asyncio.shield(self._writable)
        if self._is_lost:
            raise ConnectionError("the connection was closed while sending")

    def send_eof(self) -> None:
        """End our side; over TLS this closes the whole channel."""
        if self._is_lost or self.transport.is_closing():
            return
        if self.encrypted:
            self.transport.close()
        else:
            self.transport.write_eof()

    def close(self) -> None:
        """Close once what was sent has gone out."""
        if self._transport is not None and not self._is_lost:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None and not self._is_lost:
            self._transport.abort()


async def splice(left: ByteChannel, right: ByteChannel) -> None:
    """Copy bytes both ways until both sides have ended; an end of one side is passed on to the other. Neither is closed here
    unless one of them breaks, which aborts both."""

    async def copy(source: ByteChannel, target: ByteChannel) -> None:
        try:
            while data := await source.receive():
                await target.send(data)
            target.send_eof()
        except ConnectionError:
            # What the source had already sent was delivered; nobody is left to take what follows.
            source.close()
            target.close()

    await run_together(lambda: copy(left, right), lambda: copy(right, left))


async def run_together(*parts: Callable[[], Awaitable[None]]) -> None:
    """Run coroutines side by side until all have returned; the first exception cancels the others and is raised itself."""

    async def run(part: Callable[[], Awaitable[None]]) -> None:
        await part()

    tasks = [asyncio.ensure_future(run(part)) for part in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run_until_first(*parts: Callable[[], Awaitable[None]], grace: float) -> None:
    """Run coroutines side by side until one has returned, give the others `grace` seconds more and cancel them. The exception of
    one that failed is raised."""

    async def run(part: Callable[[], Awaitable[None]]) -> None:
        await part()

    tasks = [asyncio.ensure_future(run(part)) for part in parts]
    try:
        done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if others and all(task.exception() is None for task in done):
            await asyncio.wait(others, timeout=grace)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
