"""A Prometheus server that is out for harm: each question ends in its time and in little memory, with words that say why."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from kubern.base.clock import FakeClock
from kubern.base.errors import BadRequest, ServiceUnavailable, StatusError
from kubern.metrics.prometheus import ANSWER_LIMIT, AT_ONCE, REST, Prometheus, Sample

PATIENCE, ENOUGH = 0.3, 30.0
"""Seconds that an answer may take here: one that does not end, and any other, however busy the machine is."""
ROOM = 16 * ANSWER_LIMIT
Send = Callable[[bytes], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\n"
SILENT = "did not answer within 0.3 s"


async def for_ever(send: Send, data: bytes, every: float = 0.0) -> None:
    while True:
        await send(data)
        await asyncio.sleep(every)


def whole(body: bytes, status: str = "200 OK", headers: str = "Content-Type: application/json\r\n") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def vector(*values: Any, metric: Any = None) -> bytes:
    series = [{"metric": {} if metric is None else metric, "value": value} for value in values]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}}).encode()


def answers(
    body: bytes, status: str = "200 OK", headers: str = "Content-Type: application/json\r\n"
) -> Callable[[Send], Awaitable[None]]:
    return lambda send: send(whole(body, status, headers))


async def chunks(send: Send) -> None:
    await send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    await for_ever(send, b"10000\r\n" + b" " * 65536 + b"\r\n")


async def drops(send: Send) -> None:
    await send(HEAD + b"Content-Length: 9999\r\n\r\n")
    await for_ever(send, b" ", 0.01)


async def trailers(send: Send) -> None:
    await send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n")
    await for_ever(send, b"X-More: %s\r\n" % (b"y" * 8000))


async def headers(send: Send) -> None:
    await send(HEAD)
    await for_ever(send, b"X-More: %s\r\n" % (b"y" * 8000))


class Case(NamedTuple):
    """One kind of harm, and an expression for what is said of it."""

    name: str
    act: Callable[[Send], Awaitable[None]]
    said: str


SHAPE = "answered with application/json that is not what it should be: "
CASES = [
    Case("silence", lambda send: asyncio.sleep(60), SILENT),
    Case("endless-body", chunks, f"answered with more than {ANSWER_LIMIT} bytes"),
    Case("body-byte-by-byte", drops, SILENT),
    Case("endless-headers", headers, f"cannot be asked: .*|{SILENT}"),
    Case("endless-header", lambda send: for_ever(send, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 65536), "cannot be asked: .*"),
    Case("endless-continue", lambda send: for_ever(send, b"HTTP/1.1 100 Continue\r\n\r\n"), f"cannot be asked: .*|{SILENT}"),
    Case("endless-trailers", trailers, f"cannot be asked: .*|{SILENT}"),
    Case("huge-body", answers(b" " * (ANSWER_LIMIT + 1)), f"answered with more than {ANSWER_LIMIT} bytes"),
    Case("not-http", lambda send: send(b"SSH-2.0-hello\r\n"), "cannot be asked: .*"),
    Case("cut", lambda send: send(HEAD + b"Content-Length: 99\r\n\r\n{"), "cannot be asked: .*"),
    Case("packed", answers(gzip.compress(b" " * (64 << 20)), headers="Content-Encoding: gzip\r\n"), "answered with .*"),
    Case("not-json", answers(b"<html>hello", headers="Content-Type: text/html\r\n"), "answered with text/html that is not what .*"),
    Case("not-text", answers(b'{"status":"success","data":"\xff\xfe"}'), SHAPE + ".*"),
    Case("empty", answers(b""), SHAPE + ".*truncated.*"),
    Case("list", answers(b"[1]"), SHAPE + ".*"),
    Case("depth", answers(b'{"a":' * 300_000), SHAPE + ".*recursion.*"),
    Case("many-lists", answers(b'{"status":"success","data":[' + b"[]," * 600_000 + b"[]]}"), SHAPE + ".*"),
    Case("no-status", answers(b"{}"), SHAPE + ".*`status`"),
    Case("no-data", answers(b'{"status":"success"}'), SHAPE + ".*`data`"),
    Case("matrix", answers(vector().replace(b"vector", b"matrix")), "answered with a matrix where a vector was expected"),
    Case("null", answers(b'{"status":"success","data":{"resultType":"vector","result":null}}'), SHAPE + ".*"),
    Case("labels", answers(vector([1, "1"], metric={"a": 1})), SHAPE + ".*"),
    Case("number", answers(vector([1, 1])), SHAPE + ".*"),
    Case("word", answers(vector([1, "many"])), "answered with the value 'many' at 1"),
    Case("long-number", answers(vector([1, "1" * 100_000])), r"answered with the value '1+\.\.\.' at 1"),
    Case("time", answers(vector([1e300, "1"])), "answered with the value '1' at 1e\\+300"),
    Case("past", answers(vector([-5, "1"])), "answered with the value '1' at -5"),
    Case("redirect", answers(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n"), "answered with the status 302"),
    Case("redirect-success", answers(vector([1, "1"]), "307 Temporary Redirect", "Location: /\r\n"), "answered with the status 307"),
    Case("error", answers(b"oops", "500 Internal Server Error", "Content-Type: text/plain\r\n"), "answered with the status 500"),
    Case("error-said", answers(b'{"status":"error","error":"bad\\nquery"}', "400 Bad Request"), "refused the query: bad\nquery"),
    Case("long-error", answers(b'{"status":"error","error":"%s"}' % (b"x" * 100_000)), r"refused the query: x{197}\.\.\."),
]  # fmt: skip


@contextlib.asynccontextmanager
async def prometheus(
    act: Callable[[Send], Awaitable[None]], patience: float = ENOUGH
) -> AsyncIterator[tuple[Prometheus, list[str], FakeClock]]:
    """A server on loopback that does to each request what `act` says; gives what asks it, and what was asked."""
    asked: list[str] = []
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)

        async def send(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            asked.append((await reader.readuntil(b"\r\n\r\n")).decode().split()[1])
            await act(send)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    clock = FakeClock()
    client = Prometheus(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", clock, patience)
    try:
        yield client, asked, clock
    finally:
        await client.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_harm_ends_in_time_and_in_words(case: Case) -> None:
    patience = PATIENCE if SILENT in case.said else ENOUGH
    async with prometheus(case.act, patience) as (client, asked, _):
        tracemalloc.start()
        try:
            async with asyncio.timeout(2 * ENOUGH):
                with pytest.raises(ServiceUnavailable) as failure:
                    await client.query("up")
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert re.fullmatch(rf"Prometheus at http://127\.0\.0\.1:\d+ (?:{case.said})", failure.value.message, re.DOTALL)
    assert len(asked) <= 1
    assert most < ROOM


async def test_what_no_quantity_holds_is_no_value_and_the_rest_is_read() -> None:
    body = vector(
        *([1.5, text] for text in ("NaN", "+Inf", "-Inf", "1e300", "-1e17", "2.5", "-0", "1e15")), metric={"a": "b"}
    )
    async with prometheus(answers(body, headers="Content-Type: text/plain\r\n")) as (client, asked, _):
        found = await client.query('up{a="b"}')
    assert found == [Sample({"a": "b"}, value, 1.5) for value in (2.5, 0.0, 1e15)]
    assert asked == ["/api/v1/query?query=up%7Ba%3D%22b%22%7D"]


async def test_thousands_of_series_are_refused_as_the_askers_fault() -> None:
    async with prometheus(answers(vector(*[[1, "1"]] * 5000))) as (client, _, _):
        with pytest.raises(BadRequest, match="has 5000 series, at most 1000 are read: narrow the selector"):
            await client.query("up")


async def test_names_are_bounded_and_are_names() -> None:
    names = ["a b", "", "x{}", *(f"n{number}" for number in range(5000))]
    async with prometheus(answers(json.dumps({"status": "success", "data": names}).encode())) as (client, asked, _):
        assert await client.names() == [f"n{number}" for number in range(997)]
    assert asked == ["/api/v1/label/__name__/values?limit=1000"]


async def test_a_silent_server_is_left_alone_for_a_while() -> None:
    talks = asyncio.Event()

    async def act(send: Send) -> None:
        await talks.wait()
        await send(whole(vector([1, "1"])))

    async with prometheus(act, 2.0) as (client, asked, clock):
        failures = await asyncio.gather(*(client.query("up") for _ in range(20)), return_exceptions=True)
        assert all(isinstance(each, ServiceUnavailable) for each in failures)
        assert {re.sub(".*:[0-9]+ |, and.*", "", str(each)) for each in failures} <= {
            "did not answer within 2 s", "was silent for 2 s",
        }  # fmt: skip
        before = len(asked)
        assert before <= AT_ONCE
        talks.set()
        await clock.advance(REST - 1)
        with pytest.raises(ServiceUnavailable, match=r"was silent for 2 s, and is asked again in 1 s"):
            await client.query("up")
        assert len(asked) == before
        await clock.advance(1)
        assert await client.query("up") == [Sample({}, 1.0, 1.0)]


async def test_nobody_there_is_said() -> None:
    client = Prometheus("http://127.0.0.1:1", FakeClock())
    with pytest.raises(StatusError, match=r"Prometheus at http://127\.0\.0\.1:1 cannot be asked: Cannot connect"):
        await client.query("up")
    await client.close()
