"""Requests and answers on one connection: order, framing, keep-alive, limits, shutdown."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket

import pytest

from kubern.base.errors import Conflict
from kubern.http.contract import Response, frame_chunk
from kubern.http.limits import Limits
from kubern.http.server import CannotListen, serve
from kubern.http.streaming import produced

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_get_reports_path_query_and_headers(start, connect, recorder):
    client = await connect(await start(recorder))
    client.send(b"GET /a%20b%2Fc?q=%20 HTTP/1.1\r\nHost: x\r\nX-Two: 1\r\nx-two: 2\r\n\r\n")
    status, headers, body = await client.answer()
    assert (status, body) == (200, b"/a b/c")
    assert headers["content-length"] == "6"
    request = recorder.requests[0]
    assert (request.query, request.raw_path) == ("q=%20", "/a%20b%2Fc")
    assert request.headers["x-two"] == "1, 2"


@pytest.mark.parametrize("size", [1, 7, 4096, 100_000])
async def test_a_body_split_anywhere_arrives_whole(start, connect, recorder, size):
    client = await connect(await start(recorder))
    body = bytes(range(256)) * 800
    data = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    step = max(size, 1)
    for at in range(0, 400 if size < 10 else len(data), step):
        client.send(data[at : at + step])
        await asyncio.sleep(0)
    if size < 10:
        client.send(data[(400 + step - 1) // step * step :])
    assert (await client.answer())[2] == body


async def test_chunked_body_with_trailer_and_extension(start, connect, recorder):
    client = await connect(await start(recorder))
    client.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.send(b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n" + GET % b"/next")
    assert (await client.answer())[2] == b"abcde"
    assert (await client.answer())[2] == b"/next"
    assert "x-trailer" not in recorder.requests[0].headers


async def test_pipelined_answers_keep_the_order_of_the_requests(start, connect, recorder, eventually):
    client = await connect(await start(recorder))
    client.send(GET % b"/slow" + GET % b"/1" + GET % b"/2" + b"NONSENSE\r\n\r\n")
    await eventually(lambda: bool(recorder.requests))
    assert len(recorder.requests) == 1
    recorder.release.set()
    assert [(await client.answer())[2] for _ in range(3)] == [b"slow", b"/1", b"/2"]
    assert (await client.answer())[0] == 400


async def test_more_pipelined_requests_than_are_read_ahead(start, connect, recorder):
    client = await connect(await start(recorder, Limits(pipelined=2)))
    client.send(b"".join(GET % b"/%d" % i for i in range(200)))
    assert [(await client.answer())[2] for _ in range(200)] == [b"/%d" % i for i in range(200)]


async def test_head_has_the_length_and_no_body(start, connect, recorder):
    client = await connect(await start(recorder))
    client.send(b"HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n" + GET % b"/next")
    status, headers, _ = await client.answer(head_only=True)
    assert (status, headers["content-length"]) == (200, "4")
    assert (await client.answer())[2] == b"/next"


@pytest.mark.parametrize(
    ("request_head", "closes", "connection"),
    [
        (b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", True, "close"),
        (b"GET /a HTTP/1.0\r\n\r\n", True, "close"),
        (b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", False, "keep-alive"),
        (b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", False, None),
    ],
    ids=["asked to close", "1.0", "1.0 kept alive", "1.1"],
)
async def test_keep_alive(start, connect, recorder, request_head, closes, connection):
    client = await connect(await start(recorder))
    client.send(request_head)
    _, headers, body = await client.answer()
    assert body == b"/a"
    assert headers.get("connection") == connection
    if closes:
        assert await client.ended() == b""
    else:
        client.send(request_head)
        assert (await client.answer())[2] == b"/a"


async def test_expect_100_continue(start, connect, recorder):
    client = await connect(await start(recorder))
    client.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert (await client.answer())[0] == 100
    client.send(b"ok")
    assert (await client.answer())[2] == b"ok"


async def test_expect_is_not_continued_for_a_body_that_is_too_large(start, connect, recorder):
    client = await connect(await start(recorder))
    client.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
    assert (await client.answer())[0] == 413


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_413_with_upstreams_status(start, connect, recorder, chunked):
    client = await connect(await start(recorder))
    body = b"x" * (3 * 1024 * 1024 + 1)
    if chunked:
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + frame_chunk(body))
    else:
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    status, _, answer = await client.answer()
    assert status == 413
    assert json.loads(answer) == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 413,
        "message": "Request entity too large: limit is 3145728", "reason": "RequestEntityTooLarge",
    }  # fmt: skip
    assert not recorder.requests
    await client.ended()


async def test_chunk_framing_cannot_be_used_to_send_without_end(start, connect, recorder):
    client = await connect(await start(recorder, Limits(body=100)))
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"e" * 200_000)
    for _ in range(3):
        client.send(b"e" * 50_000)
        await asyncio.sleep(0.01)
    assert (await client.answer())[0] == 413


@pytest.mark.parametrize("crumbs", [False, True])
async def test_headers_over_the_limit_are_431(start, connect, recorder, crumbs):
    client = await connect(await start(recorder, Limits(head=10_000)))
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
    for i in range(120):
        client.send(b"X-%d: %b\r\n" % (i, b"y" * 100))
        if crumbs:
            await asyncio.sleep(0)
    client.send(b"\r\n")
    assert (await client.answer())[0] == 431


async def test_a_head_in_crumbs_is_read(start, connect, recorder):
    client = await connect(await start(recorder))
    for i in range(len(GET % b"/crumbs")):
        client.send((GET % b"/crumbs")[i : i + 1])
        await asyncio.sleep(0.001)
    assert (await client.answer())[2] == b"/crumbs"


async def test_errors_become_statuses_and_the_connection_lives_on(start, connect, caplog):
    def handler(request):
        if request.path == "/conflict":
            raise Conflict("the object has been modified", name="a", retry_after=1)
        raise RuntimeError("secret detail")

    client = await connect(await start(handler))
    client.send(GET % b"/conflict" + GET % b"/fail")
    status, headers, body = await client.answer()
    assert (status, json.loads(body)["reason"], headers["retry-after"]) == (409, "Conflict", "1")
    status, _, body = await client.answer()
    assert status == 500
    assert json.loads(body)["reason"] == "InternalError"
    assert b"secret" not in body
    assert "secret detail" in caplog.text


async def test_a_response_header_cannot_be_split(start, connect, caplog):
    client = await connect(await start(lambda request: Response(200, (("X-A", "b\r\nX-C: d"),))))
    client.send(GET % b"/")
    status, headers, _ = await client.answer()
    assert status == 500
    assert "x-c" not in headers


async def test_a_client_that_goes_cancels_its_handler(start, connect, recorder, eventually):
    client = await connect(await start(recorder))
    client.send(GET % b"/slow")
    await eventually(lambda: bool(recorder.requests))
    client.writer.close()
    async with asyncio.timeout(5):
        await recorder.cancelled.wait()


async def test_large_answers_are_compressed_when_asked(start, connect):
    body = json.dumps(list(range(60_000))).encode()
    client = await connect(await start(lambda request: Response(200, (), body, gzip=True)))
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: deflate, gzip;q=1.0\r\n\r\n" + GET % b"/")
    _, headers, compressed = await client.answer()
    assert (headers["content-encoding"], gzip.decompress(compressed)) == ("gzip", body)
    _, headers, plain = await client.answer()
    assert "content-encoding" not in headers
    assert plain == body


async def test_no_content_has_no_length(start, connect):
    client = await connect(await start(lambda request: Response(204, ())))
    client.send(GET % b"/")
    assert "content-length" not in (await client.answer())[1]


async def test_stream_is_chunked_and_the_connection_is_reused(start, connect, recorder, eventually):
    client = await connect(await start(recorder))
    client.send(GET % b"/watch" + GET % b"/after")
    await eventually(lambda: bool(recorder.writers))
    writer = recorder.writers[0]
    writer.write(b"one")
    writer.write_framed(frame_chunk(b"two"))
    writer.close()
    writer.close()
    assert (await client.answer())[2] == b"onetwo"
    assert (await client.answer())[2] == b"/after"
    assert (recorder.stops, writer.closed) == (1, True)


async def test_stream_to_http_1_0_is_bare_and_ends_with_the_connection(start, connect, recorder, eventually):
    client = await connect(await start(recorder))
    client.send(b"GET /watch HTTP/1.0\r\n\r\n")
    await eventually(lambda: bool(recorder.writers))
    recorder.writers[0].write(b"one")
    recorder.writers[0].close()
    _, headers, _ = await client.answer(head_only=True)
    assert "transfer-encoding" not in headers
    assert await client.ended() == b"one"


async def test_stop_runs_once_when_the_client_goes(start, connect, recorder, eventually):
    client = await connect(await start(recorder))
    client.send(GET % b"/watch")
    await eventually(lambda: bool(recorder.writers))
    client.writer.close()
    await eventually(lambda: recorder.stops == 1)
    recorder.writers[0].write(b"late")
    assert recorder.stops == 1


async def test_a_watcher_that_falls_behind_is_dropped(start, connect, recorder, eventually):
    server = await start(recorder, Limits(send_buffer=100_000))
    client = await connect(server)
    client.send(GET % b"/watch")
    await eventually(lambda: bool(recorder.writers))
    writer = recorder.writers[0]
    client.writer.transport.pause_reading()
    for _ in range(200):
        writer.write(b"x" * 100_000)
    assert (writer.closed, recorder.stops) == (True, 1)
    await eventually(lambda: server.open_connections == 0)


async def test_the_slowest_are_dropped_when_all_together_hold_too_much(start, connect, recorder, eventually):
    server = await start(recorder, Limits(send_buffers=50_000_000))
    clients = [await connect(server) for _ in range(4)]
    for client in clients:
        client.writer.transport.pause_reading()
        client.send(GET % b"/watch")
    await eventually(lambda: len(recorder.writers) == 4)
    for writer, size in zip(recorder.writers, (1_000, 8_000_000, 7_000_000, 100_000_000), strict=True):
        writer.write(b"x" * size)  # part of it goes into the kernel's buffers
    await eventually(lambda: recorder.writers[3].closed)
    assert [writer.closed for writer in recorder.writers] == [False, False, False, True]
    assert recorder.stops == 1


async def test_one_large_first_write_is_not_falling_behind(start, connect, recorder, eventually):
    client = await connect(await start(recorder, Limits(send_buffer=1000)))
    client.send(GET % b"/watch")
    await eventually(lambda: bool(recorder.writers))
    recorder.writers[0].write(b"x" * 3_000_000)
    await client.answer(head_only=True)
    assert len(await client.chunk()) == 3_000_000


async def test_a_producer_waits_for_a_slow_reader_and_its_failure_cuts_the_answer(start, connect, caplog):
    sent = []

    async def produce(writer):
        for _ in range(100):
            writer.write(b"x" * 100_000)
            sent.append(1)
            await writer.drain()
        raise RuntimeError("lost the source")

    client = await connect(await start(lambda request: produced(200, (), produce)))
    client.send(GET % b"/")
    data = await client.ended()
    assert len(sent) == 100
    assert not data.endswith(b"0\r\n\r\n")
    assert "lost the source" in caplog.text


@pytest.mark.parametrize(
    ("first", "status"),
    [(b"GET / HTTP/1.1\r\nHo", 408), (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na", 408)],
)
async def test_a_request_that_does_not_come_in_time(start, connect, recorder, first, status):
    client = await connect(await start(recorder, Limits(head_timeout=0.01, body_timeout=0.01)))
    client.send(first)
    assert (await client.answer())[0] == status


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not(start, connect, recorder):
    server = await start(recorder, Limits(idle_timeout=0.01))
    idle, busy = await connect(server), await connect(server)
    busy.send(GET % b"/slow")
    assert await idle.ended() == b""
    recorder.release.set()
    assert (await busy.answer())[2] == b"slow"


async def test_connections_over_the_limit_are_dropped(start, connect, recorder):
    server = await start(recorder, Limits(connections=1))
    first = await connect(server)
    first.send(GET % b"/a")
    await first.answer()
    second = await connect(server)
    try:
        assert await second.ended() == b""
    except ConnectionResetError:
        pass  # the usual way to see it
    first.send(GET % b"/b")
    assert (await first.answer())[2] == b"/b"


async def test_close_finishes_what_is_on_its_way_and_ends_streams(start, connect, recorder, eventually):
    server = await start(recorder)
    idle, slow, watch = await connect(server), await connect(server), await connect(server)
    idle.send(GET % b"/a")
    await idle.answer()
    slow.send(GET % b"/slow")
    watch.send(GET % b"/watch")
    await eventually(lambda: len(recorder.requests) == 3)
    closing = asyncio.create_task(server.close(grace=5))
    assert await idle.ended() == b""
    assert (await watch.answer())[2] == b""
    recorder.release.set()
    _, headers, body = await slow.answer()
    assert (headers["connection"], body) == ("close", b"slow")
    await closing
    assert recorder.stops == 1
    with pytest.raises(OSError):
        await connect(server)


async def test_close_cuts_what_does_not_finish(start, connect, recorder, eventually):
    server = await start(recorder)
    slow = await connect(server)
    slow.send(GET % b"/slow")
    await eventually(lambda: bool(recorder.requests))
    await server.close(grace=0.01)
    assert recorder.cancelled.is_set()
    assert server.open_connections == 0


async def test_a_taken_port_is_said_clearly(start, recorder):
    server = await start(recorder)
    with pytest.raises(
        CannotListen, match=rf"cannot listen on 127\.0\.0\.1:{server.port}: another program is using it"
    ):
        await serve(recorder, ("127.0.0.1", server.port))


async def test_serving_on_a_socket_that_is_bound_already(recorder, connect):
    sock = socket.create_server(("127.0.0.1", 0))
    server = await serve(recorder, [sock])
    client = await connect(server)
    client.send(GET % b"/handed-over")
    assert (await client.answer())[2] == b"/handed-over"
    client.writer.close()
    await server.close(grace=0)


async def test_a_large_answer_is_sent_as_the_peer_takes_it(start, connect):
    body = bytes(range(256)) * 80_000
    client = await connect(
        await start(lambda request: Response(200, (), body if request.path == "/large" else b"next"))
    )
    client.writer.transport.pause_reading()
    client.send(GET % b"/large" + GET % b"/next")
    await asyncio.sleep(0.05)
    client.writer.transport.resume_reading()
    assert (await client.answer())[2] == body
    assert (await client.answer())[2] == b"next"


async def test_a_peer_that_takes_nothing_of_a_large_answer_is_cut(start, connect, eventually):
    server = await start(lambda request: Response(200, (), b"x" * 50_000_000), Limits(idle_timeout=0.5))
    client = await connect(server)
    client.writer.transport.pause_reading()
    client.send(GET % b"/")
    await eventually(lambda: server.open_connections == 1)
    await eventually(lambda: server.open_connections == 0)


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_a_produced_stream_is_released_once(start, connect, method):
    released = []

    async def produce(writer):
        writer.write(b"all")

    client = await connect(await start(lambda request: produced(200, (), produce, lambda: released.append(1))))
    client.send(method + b" / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    await client.ended()
    assert released == [1]
