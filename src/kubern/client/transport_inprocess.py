"""The transport of components that live beside the apiserver: the same handler, the same answers, no socket in between."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from kubern.base.errors import InternalError, from_status
from kubern.client.contract import Reply
from kubern.client.request_counts import RequestCounts
from kubern.http.contract import Answer, Handler, Peer, Request, Response, Stream

MAX_BUFFERED = 64 << 20
"""Bytes that a watcher in the same process may lag behind before its watch is ended, to be begun anew."""


class InProcessTransport:
    """Calls `handler` as the user that `peer` carries; `agent` is the program, whose writes bear its name."""

    def __init__(self, handler: Handler, peer: Peer, agent: str = "kubern") -> None:
        self._handler = handler
        self._peer = peer
        self._agent = agent
        self.counts = RequestCounts("in-process")

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "",
        accept: str = "",
    ) -> Reply:
        """See `Transport.request`."""
        now = asyncio.get_running_loop().time
        begun = now()
        # no deadline of its own: the apiserver's edge answers any request but a stream within a minute
        answer = await self._call(method, path, query, body, content_type, accept)
        if not isinstance(answer, Response):
            raise InternalError(f"{method} {path}: a stream where an answer was expected")
        self.counts.count(method, str(answer.status), now() - begun)
        if answer.status >= 400:
            raise _error(answer)
        return Reply(answer.status, bytes(answer.body))

    async def stream(
        self, path: str, *, query: Mapping[str, str] | None = None, accept: str = ""
    ) -> AsyncGenerator[bytes, None]:
        """See `Transport.stream`."""
        answer = await self._call("GET", path, query, b"", "", accept)
        if isinstance(answer, Response):
            if answer.status >= 400:
                raise _error(answer)
            for line in bytes(answer.body).splitlines():
                yield line
            return
        if not isinstance(answer, Stream):
            raise InternalError(f"GET {path}: an upgrade where a stream was expected")
        writer = _Lines()
        answer.start(writer)
        try:
            async for line in writer:
                yield line
        finally:
            writer.close()
            answer.stop()

    async def close(self) -> None:
        """Nothing is held open."""

    async def _call(
        self, method: str, path: str, query: Mapping[str, str] | None, body: bytes, content_type: str, accept: str
    ) -> Answer:
        headers = {"accept": accept or "application/json", "user-agent": self._agent}
        if body:
            headers["content-type"] = content_type or "application/json"
        answer = self._handler(Request(method, path, urlencode(query) if query else "", headers, body, self._peer))
        if inspect.isawaitable(answer):
            return await answer
        return answer


class _Lines:
    """A StreamWriter whose reader takes lines. What is written is kept in order and never awaited by the writer."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._partial = b""
        self._buffered = 0
        self._closed = False
        self._wake: asyncio.Future[None] | None = None
        self._taken: asyncio.Future[None] | None = None

    def write(self, data: bytes) -> None:
        if self._closed:
            return
        lines = (self._partial + data if self._partial else data).split(b"\n")
        self._partial = lines.pop()
        self._lines.extend(lines)
        self._buffered += len(data)
        if self._buffered > MAX_BUFFERED:
            self._lines.clear()
            self._closed = True
        self._notify()

    def write_framed(self, chunk: bytes) -> None:
        # a chunk of HTTP: its length in hex, CRLF, the data, CRLF
        self.write(chunk[chunk.index(b"\r\n") + 2 : -2])

    def close(self) -> None:
        self._closed = True
        self._notify()
        _resolve(self._taken)

    def _notify(self) -> None:
        _resolve(self._wake)

    @property
    def buffered(self) -> int:
        return self._buffered

    @property
    def closed(self) -> bool:
        return self._closed

    async def drain(self) -> None:
        while self._buffered > MAX_BUFFERED // 2 and not self._closed:
            self._taken = asyncio.get_running_loop().create_future()
            await self._taken

    def __aiter__(self) -> _Lines:
        return self

    async def __anext__(self) -> bytes:
        while not self._lines:
            if self._closed:
                raise StopAsyncIteration
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        line = self._lines.popleft()
        self._buffered -= len(line) + 1
        _resolve(self._taken)
        return line


def _resolve(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


def _error(answer: Response) -> Exception:
    try:
        status: Any = orjson.loads(bytes(answer.body))
    except orjson.JSONDecodeError:
        status = None
    if not isinstance(status, dict):
        status = {"message": bytes(answer.body).decode(errors="replace")[:500].strip()}
    return from_status(status, answer.status)
