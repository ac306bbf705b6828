"""The two transports: in-process on plain handlers, HTTPS on a server of the standard library on the loopback."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubern.base.errors import InternalError, NotFound, ServiceUnavailable, Timeout, Unauthorized
from kubern.client import transport_https
from kubern.client.kubeconfig import Access, KubeconfigError, load
from kubern.client.transport_https import HttpsTransport
from kubern.client.transport_inprocess import InProcessTransport
from kubern.http.contract import Peer, Request, Response, Stream, StreamWriter, frame_chunk


async def lines(transport: Any, path: str = "/watch") -> list[bytes]:
    return [line async for line in transport.stream(path, query={"watch": "true"})]


# in-process


async def test_a_call_carries_user_query_and_body() -> None:
    seen: list[Request] = []

    def handler(request: Request) -> Response:
        seen.append(request)
        return Response(200, (), b"{}")

    transport = InProcessTransport(handler, Peer(user="me"))
    reply = await transport.request("POST", "/p", query={"a": "b c"}, body=b"{}", content_type="x/y", accept="z")
    assert reply.body == b"{}"
    request = seen[0]
    assert (request.peer.user, request.query, request.headers["content-type"]) == ("me", "a=b+c", "x/y")
    assert request.headers["accept"] == "z"


async def test_an_answer_may_be_awaited_and_an_error_is_raised() -> None:
    async def handler(request: Request) -> Response:
        return Response(404, (), b'{"kind":"Status","reason":"NotFound","message":"no such thing","code":404}')

    with pytest.raises(NotFound, match="no such thing"):
        await InProcessTransport(handler, Peer()).request("GET", "/p")


async def test_a_stream_yields_lines_however_they_were_written_and_is_stopped_once() -> None:
    stopped: list[bool] = []

    def start(writer: StreamWriter) -> None:
        writer.write(b'{"a":')
        writer.write(b'1}\n{"b":2}\n')
        writer.write_framed(frame_chunk(b'{"c":3}\n'))
        asyncio.get_running_loop().call_later(0.01, writer.close)

    transport = InProcessTransport(lambda r: Stream(200, (), start, lambda: stopped.append(True)), Peer())
    assert await lines(transport) == [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    assert stopped == [True]


async def test_leaving_a_stream_early_stops_it() -> None:
    stopped: list[bool] = []
    stream = Stream(200, (), lambda writer: writer.write(b"1\n2\n"), lambda: stopped.append(True))
    async with contextlib.aclosing(InProcessTransport(lambda r: stream, Peer()).stream("/w")) as events:
        assert await anext(events) == b"1"
    assert stopped == [True]


async def test_a_stream_is_no_answer_to_a_request() -> None:
    stream = Stream(200, (), lambda writer: None, lambda: None)
    with pytest.raises(InternalError):
        await InProcessTransport(lambda r: stream, Peer()).request("GET", "/p")


# HTTPS


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path; counts the requests."""

    protocol_version = "HTTP/1.1"
    counts: dict[str, int] = {}
    arrived, release = threading.Event(), threading.Event()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.counts[path] = self.counts.get(path, 0) + 1
        if path == "/missing":
            self._answer(404, b'{"kind":"Status","reason":"NotFound","message":"no such thing","code":404}')
        elif path == "/broken" or (path == "/flaky" and self.counts[path] == 1):
            self.close_connection = True
        elif path == "/agent":
            self._answer(200, (self.headers.get("User-Agent") or "").encode())
        elif path == "/unknown":
            self._answer(401, b'{"kind":"Status","reason":"Unauthorized","code":401}')
        elif path == "/plain":
            self._answer(503, b"proxy error")
        elif path == "/watch":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"a":1}\n{"b"')
            self.wfile.flush()
            self.wfile.write(b":2}\n")
            self.close_connection = True
        elif path == "/held":
            self.arrived.set()
            self.release.wait(10)
            self._answer(200, b"{}\n")
        elif path == "/silent":
            threading.Event().wait(0.5)
            self.close_connection = True
        else:
            self._answer(200, (self.headers.get("Authorization") or "").encode())

    do_POST = do_GET

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Be quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    _Handler.counts, _Handler.arrived, _Handler.release = {}, threading.Event(), threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextlib.asynccontextmanager
async def connected(server: str, **access: Any) -> Any:
    transport = HttpsTransport(Access(server, ssl.create_default_context(), **access))
    try:
        yield transport
    finally:
        await transport.close()


async def test_requests_show_the_token_and_a_token_file_is_read_anew(server: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    async with connected(server, token_file=token) as transport:
        for text in ("one", "two"):
            token.write_text(text + "\n")
            assert (await transport.request("GET", "/who")).body == f"Bearer {text}".encode()


class _Other:
    """Another's tokens."""

    def __init__(self) -> None:
        self.no_longer: list[str] = []

    async def token(self) -> str:
        return "other"

    def refused(self, token: str) -> None:
        self.no_longer.append(token)


async def test_a_transport_acts_as_another_over_the_same_connections(server: str) -> None:
    other = _Other()
    async with connected(server, token="own") as transport:
        acting = transport.acting_as(other, "someone")
        assert (await acting.request("GET", "/who")).body == b"Bearer other"
        assert (await acting.request("GET", "/agent")).body == b"kubern/someone"
        assert (await transport.request("GET", "/who")).body == b"Bearer own"
        assert (await transport.request("GET", "/agent")).body == b"kubern"
        with pytest.raises(NotFound):
            await acting.request("GET", "/missing")
        assert not other.no_longer
        with pytest.raises(Unauthorized):
            await acting.request("GET", "/unknown")
    assert other.no_longer == ["other"]


async def test_error_answers_become_errors_whatever_their_form(server: str) -> None:
    async with connected(server) as transport:
        with pytest.raises(NotFound, match="no such thing"):
            await transport.request("GET", "/missing")
        with pytest.raises(ServiceUnavailable, match="proxy error"):
            await transport.request("GET", "/plain")


async def test_only_a_read_is_tried_again_after_a_broken_connection(server: str) -> None:
    async with connected(server) as transport:
        assert (await transport.request("GET", "/flaky")).status == 200
        with pytest.raises(ServiceUnavailable):
            await transport.request("POST", "/broken", body=b"{}")
    assert _Handler.counts == {"/flaky": 2, "/broken": 1}


async def test_a_stream_is_cut_into_lines(server: str) -> None:
    async with connected(server) as transport:
        assert await lines(transport) == [b'{"a":1}', b'{"b":2}']


async def test_watches_take_no_place_from_requests(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_https, "REQUESTS_AT_ONCE", 1)
    async with connected(server) as transport, contextlib.aclosing(transport.stream("/held")) as events:
        watching = asyncio.ensure_future(anext(events))
        assert await asyncio.to_thread(_Handler.arrived.wait, 10)
        async with asyncio.timeout(5):
            assert (await transport.request("GET", "/who")).status == 200
        _Handler.release.set()
        assert await watching == b"{}"


async def test_a_request_without_an_answer_ends_at_its_deadline(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_https, "DEADLINE", 0.05)
    async with connected(server) as transport:
        with pytest.raises(Timeout):
            await transport.request("GET", "/silent")


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with connected("http://127.0.0.1:1") as transport:
        with pytest.raises(ServiceUnavailable):
            await transport.request("GET", "/")
        with pytest.raises(ServiceUnavailable):
            await lines(transport)


# kubeconfig


def config(user: dict[str, Any], **cluster: Any) -> str:
    return yaml.safe_dump(
        {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": "https://h:1/", **cluster}}],
            "users": [{"name": "u", "user": user}],
        }
    )


def test_a_kubeconfig_with_a_token(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(config({"token": "t"}, **{"insecure-skip-tls-verify": True}))
    access = load(file)
    assert (access.server, access.token) == ("https://h:1", "t")
    assert access.tls.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "just text",
        config({}).replace("current-context: c", "current-context: d"),
        config({"client-certificate-data": "%", "client-key-data": base64.b64encode(b"k").decode()}),
    ],
    ids=["no yaml", "no map", "no such context", "no base64"],
)
def test_bad_kubeconfigs_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(KubeconfigError):
        load(file)
