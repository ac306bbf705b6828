"""One Prometheus server: asked for the values of a query and the names of its series, and not trusted with anything.

Used by the custom and the external metrics. What always holds, whatever the server answers: an answer takes bounded time and memory, as do
all that are waited for together; it has the documented shape, or is refused with words that end in the autoscaler's condition; a value that
no quantity can hold (NaN, Inf) is none; a server that was silent is left alone for a while, so that who asks for other things is
not kept waiting. Source: the Prometheus documentation, "HTTP API".
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

import aiohttp
import msgspec

from kubern.base.clock import Clock
from kubern.base.errors import BadRequest, ServiceUnavailable
from kubern.metrics.promql import is_name

ANSWER_LIMIT, SERIES_LIMIT = 2 << 20, 1000
"""Bytes of an answer, and series or names in it."""
AT_ONCE = 4
"""Questions that are under way; others wait for their turn."""
SECONDS, REST = 10.0, 30.0
"""How long an answer may take, and how long a server is left alone that took longer."""
SHOWN = 200
"""Characters of others' words that are repeated."""
_MOST, _LAST = 2.0**63 / 1000, 253402300799.0
"""What a quantity can hold in thousandths; the end of the year 9999."""
_NUMBER_LIMIT = 64
_T = TypeVar("_T")


class Sample(NamedTuple):
    """One series' value at `time` (seconds since 1970)."""

    labels: Mapping[str, str]
    value: float
    time: float


class _Series(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str]


class _Vector(msgspec.Struct):
    kind: str = msgspec.field(name="resultType")
    result: list[_Series]


class _Success(msgspec.Struct, Generic[_T], tag="success", tag_field="status"):
    data: _T


class _Failure(msgspec.Struct, tag="error", tag_field="status"):
    error: str = ""


class _Answer(NamedTuple):
    status: int
    content_type: str
    body: bytes


class Prometheus:
    """The server at a URL such as `http://127.0.0.1:9090`. `patience`: how many seconds an answer may take."""

    def __init__(self, url: str, clock: Clock, patience: float = SECONDS) -> None:
        self._url = url.rstrip("/")
        self._clock = clock
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._rests_until = 0.0

    async def query(self, text: str) -> list[Sample]:
        """Return the values that a query has now. Raises `ServiceUnavailable` when the server has no answer to it that can be used,
        `BadRequest` when there are too many series."""
        found = await self._get("/api/v1/query", {"query": text}, _Success[_Vector])
        if found.kind != "vector":
            raise self._useless(f"answered with a {_short(found.kind)} where a vector was expected")
        if len(found.result) > SERIES_LIMIT:
            raise BadRequest(
                f"the metric has {len(found.result)} series, at most {SERIES_LIMIT} are read: narrow the selector"
            )
        samples = [self._sample(each) for each in found.result]
        return [each for each in samples if abs(each.value) < _MOST]  # which NaN is not either

    async def names(self) -> list[str]:
        """Return the names of the series that there are. Raises `ServiceUnavailable` as `query`."""
        asked = {"limit": str(SERIES_LIMIT)}
        found = await self._get("/api/v1/label/__name__/values", asked, _Success[list[str]])
        return [each for each in found[:SERIES_LIMIT] if is_name(each)]

    def _sample(self, series: _Series) -> Sample:
        time, text = series.value
        try:
            value = float(text) if len(text) <= _NUMBER_LIMIT else None
        except ValueError:
            value = None
        if value is None or not 0 <= time <= _LAST:
            raise self._useless(f"answered with the value {_short(text)!r} at {time:g}")
        return Sample(series.metric, value, time)

    async def _get(self, path: str, query: dict[str, str], shape: type[_Success[_T]]) -> _T:
        self._check_rest()
        try:
            async with asyncio.timeout(self._patience), self._gate:
                self._check_rest()  # it may have been found silent while this one waited for its turn
                answer = await self._ask(path, query)
        except TimeoutError as error:
            self._rests_until = self._clock.monotonic() + REST
            raise self._useless(f"did not answer within {self._patience:g} s") from error
        except aiohttp.ClientError as error:
            raise self._useless(f"cannot be asked: {_short(str(error) or type(error).__name__)}") from error
        if len(answer.body) > ANSWER_LIMIT:
            raise self._useless(f"answered with more than {ANSWER_LIMIT} bytes")
        return self._data(answer, shape)

    def _check_rest(self) -> None:
        left = self._rests_until - self._clock.monotonic()
        if left > 0:
            raise self._useless(f"was silent for {self._patience:g} s, and is asked again in {math.ceil(left)} s")

    def _data(self, answer: _Answer, shape: type[_Success[_T]]) -> _T:
        try:
            found = msgspec.json.decode(answer.body, type=shape | _Failure)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if answer.status != 200:
                raise self._useless(f"answered with the status {answer.status}") from error
            said = f"answered with {_short(answer.content_type)} that is not what it should be"
            raise self._useless(f"{said}: {_short(str(error))}") from error
        if isinstance(found, _Failure):
            raise self._useless(f"refused the query: {_short(found.error)}")
        if answer.status != 200:
            raise self._useless(f"answered with the status {answer.status}")
        return found.data

    async def _ask(self, path: str, query: dict[str, str]) -> _Answer:
        """Return an answer, of its body at most one byte more than there may be, as it was sent: what is packed may be endless."""
        if self._session is None:
            headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None),
                headers=headers,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        async with self._session.get(self._url + path, params=query, allow_redirects=False) as answer:
            body = bytearray()
            while len(body) <= ANSWER_LIMIT and (more := await answer.content.read(ANSWER_LIMIT + 1 - len(body))):
                body += more
            return _Answer(answer.status, answer.content_type, bytes(body))

    def _useless(self, said: str) -> ServiceUnavailable:
        return ServiceUnavailable(f"Prometheus at {self._url} {said}")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
