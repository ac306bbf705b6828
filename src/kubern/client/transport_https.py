"""The transport of components that live elsewhere: HTTPS with a kubeconfig's credentials, connections kept alive."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol

import aiohttp
import orjson
from yarl import URL

from kubern.base.errors import ServiceUnavailable, StatusError, Timeout, from_status
from kubern.client.contract import Reply
from kubern.client.kubeconfig import Access
from kubern.client.request_counts import UNREACHED, RequestCounts

DEADLINE = 60.0
CONNECT_SECONDS = 10.0
REQUESTS_AT_ONCE = 64
MAX_LINE = 16 << 20
SILENCE_SECONDS = 330.0
"""A watch that says nothing for longer (bookmarks come about every minute) is taken for dead."""
_SAFE = ("GET", "HEAD")


class Bearer(Protocol):
    """Whose token requests show, where it is not the kubeconfig's user."""

    async def token(self) -> str:
        """Return a token that is good. Raises `StatusError` where none can be had."""
        ...

    def refused(self, token: str) -> None:
        """Take note that the server answered 401 to a token."""
        ...


class HttpsTransport:
    """Talks to one apiserver as one user; `agent` is the program, whose writes bear its name. Made inside a running event loop.

    With `counts` its requests are counted among others of the program.
    """

    def __init__(self, access: Access, agent: str = "kubern", counts: RequestCounts | None = None) -> None:
        self._access = access
        self._agent = agent
        self._bearer: Bearer | None = None
        self._now = asyncio.get_running_loop().time
        self.counts = counts or RequestCounts(URL(access.server).authority)
        # apart: a process may follow more resources than a pool has places, and its requests must not wait for those
        self._session = self._open(REQUESTS_AT_ONCE)
        self._streams = self._open(0)

    def acting_as(self, bearer: Bearer, part: str) -> HttpsTransport:
        """Return a transport over the same connections, closed with this one, that shows another's tokens. `part` tells it apart at the
        end of the user agent."""
        made = copy.copy(self)
        made._bearer, made._agent = bearer, f"{self._agent}/{part}"
        return made

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
        """See `Transport.request`. A GET is tried a second time when its connection broke: it may have been kept alive too long."""
        headers = await self._headers(accept)
        if body:
            headers["Content-Type"] = content_type or "application/json"
        timeout = aiohttp.ClientTimeout(total=DEADLINE, connect=CONNECT_SECONDS)
        for attempt in (1, 2):
            begun = self._now()
            try:
                async with self._session.request(
                    method, self._url(path, query), data=body or None, headers=headers, timeout=timeout
                ) as answer:
                    content = await answer.read()
                    self.counts.count(method, str(answer.status), self._now() - begun)
                    if answer.status >= 400:
                        raise self._error(answer, content)
                    return Reply(answer.status, content)
            except aiohttp.ClientError as error:
                self.counts.count(method, UNREACHED, self._now() - begun)
                if attempt == 2 or method not in _SAFE:
                    raise ServiceUnavailable(f"{self._access.server} cannot be reached: {error}") from error
            except TimeoutError as error:
                self.counts.count(method, UNREACHED, self._now() - begun)
                raise Timeout(f"{method} {path}: no answer within {DEADLINE:.0f} s") from error
        raise AssertionError("unreachable")

    async def stream(
        self, path: str, *, query: Mapping[str, str] | None = None, accept: str = ""
    ) -> AsyncGenerator[bytes, None]:
        """See `Transport.stream`."""
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
        headers = await self._headers(accept)
        begun = self._now()
        try:
            async with self._streams.get(self._url(path, query), headers=headers, timeout=timeout) as answer:
                self.counts.count("GET", str(answer.status), self._now() - begun)
                if answer.status >= 400:
                    raise self._error(answer, await answer.read())
                partial = b""
                async for data in answer.content.iter_any():
                    lines = (partial + data).split(b"\n")
                    partial = lines.pop()
                    if len(partial) > MAX_LINE:
                        raise ServiceUnavailable(f"{path}: a line of more than {MAX_LINE} bytes")
                    for line in lines:
                        yield line
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise ServiceUnavailable(f"{self._access.server}: the stream broke: {error}") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        await self._streams.close()

    def _open(self, limit: int) -> aiohttp.ClientSession:
        """Return a session of at most so many connections; 0 is no limit."""
        connector = aiohttp.TCPConnector(ssl=self._access.tls, limit=limit, keepalive_timeout=90)
        return aiohttp.ClientSession(connector=connector)

    def _url(self, path: str, query: Mapping[str, str] | None) -> URL:
        return URL(self._access.server + path).with_query(query) if query else URL(self._access.server + path)

    async def _headers(self, accept: str) -> dict[str, str]:
        token = await self._bearer.token() if self._bearer is not None else self._access.token
        if self._access.token_file is not None:
            # projected tokens are replaced while the process runs
            token = self._access.token_file.read_text().strip()
        headers = {"Accept": accept or "application/json", "User-Agent": self._agent}
        return headers | ({"Authorization": f"Bearer {token}"} if token else {})

    def _error(self, answer: aiohttp.ClientResponse, content: bytes) -> StatusError:
        if self._bearer is not None and answer.status == 401:
            self._bearer.refused(answer.request_info.headers["Authorization"].removeprefix("Bearer "))
        return _error(answer, content)


def _error(answer: aiohttp.ClientResponse, content: bytes) -> StatusError:
    try:
        status: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        status = None
    if not isinstance(status, dict):
        status = {"message": content.decode(errors="replace")[:500].strip()}
    return from_status(status, answer.status)
