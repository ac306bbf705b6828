"""Asking a webhook over HTTPS: where a clientConfig leads, whom to trust, time, size, and the words of what goes wrong."""

from __future__ import annotations

import asyncio
import base64
import random

import orjson
import pytest

from kubern.apiserver.backends.access import Backends
from kubern.apiserver.webhooks import caller
from kubern.apiserver.webhooks.caller import Target, WebhookCaller, WebhookFailed, target_of
from kubern.apiserver.webhooks.services import resolve
from kubern.base.errors import NotFound, ServiceUnavailable
from kubern.cluster.pki import SERVER, Pki, Subject
from kubern.http.contract import Response
from kubern.http.dial import dial_directly
from kubern.http.server import serve
from kubern.http.tls import ServerTls


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    made = Pki(tmp_path_factory.mktemp("pki"))
    made.ensure("10.96.0.1", ["127.0.0.1"], ["hook.ns.svc"])
    return made


@pytest.fixture
async def hook(pki):
    """A webhook that answers with `answer(request)`."""

    class Hook:
        asked = []

        def answer(self, request):
            return Response(200, (), orjson.dumps({"got": orjson.loads(request.body)}))

    made = Hook()
    made.asked = []

    def handler(request):
        made.asked.append(request)
        return made.answer(request)

    server = await serve(handler, ("127.0.0.1", 0), tls=ServerTls(pki.apiserver.certificate, pki.apiserver.key))
    made.port, made.url = server.port, f"https://127.0.0.1:{server.port}/check"
    made.bundle = base64.b64encode(pki.ca.certificate.read_bytes()).decode()
    yield made
    await server.close(grace=0)


CALLERS: list[WebhookCaller] = []


@pytest.fixture(autouse=True)
async def closed_callers():
    """Let go of the connections that a test's callers keep."""
    yield
    while CALLERS:
        CALLERS.pop().close()


def calls(objects=None, dialled=None):
    async def dial(host, port):
        if dialled is not None:
            dialled.append((host, port))
        return await dial_directly("127.0.0.1", dialled.to if hasattr(dialled, "to") else port)

    found = objects or {}
    backends = Backends(lambda *key: found.get(key), dial, lambda verify: None, random.Random(1))
    made = WebhookCaller(backends)
    CALLERS.append(made)
    return made


async def test_url(hook):
    answer = await calls().post({"url": hook.url, "caBundle": hook.bundle}, {"a": 1}, 5)
    assert answer == {"got": {"a": 1}}
    assert (hook.asked[0].path, hook.asked[0].query) == ("/check", "timeout=5s")
    assert hook.asked[0].headers["content-type"] == "application/json"


async def test_service_by_its_ready_endpoints_and_its_own_name(hook):
    objects = {
        ("services", "ns", "hook"): {"spec": {"ports": [{"name": "web", "port": 443}]}},
        ("endpoints", "ns", "hook"): {
            "subsets": [{"addresses": [{"ip": "127.0.0.1"}], "ports": [{"name": "web", "port": hook.port}]}]
        },
    }
    service = {"namespace": "ns", "name": "hook", "path": "mutate"}
    assert await calls(objects).post({"service": service, "caBundle": hook.bundle}, {}, 5) == {"got": {}}
    assert hook.asked[0].path == "/mutate"
    assert hook.asked[0].headers["host"] == "hook.ns.svc:443"


async def test_a_connection_is_used_again(hook):
    objects = {
        ("services", "ns", "hook"): {"spec": {"ports": [{"port": 443}]}},
        ("endpoints", "ns", "hook"): {
            "subsets": [{"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": hook.port}]}]
        },
    }
    dialled = []
    caller, config = calls(objects, dialled), {"service": {"namespace": "ns", "name": "hook"}, "caBundle": hook.bundle}
    for _ in range(3):
        await caller.post(config, {}, 5)
    assert dialled == [("127.0.0.1", hook.port)]
    await asyncio.gather(*(caller.post(config, {}, 5) for _ in range(3)))
    assert (len(dialled), len(hook.asked)) == (3, 6)


async def test_a_connection_that_was_closed_meanwhile_is_replaced(hook, pki):
    caller, tls = calls(), ServerTls(pki.apiserver.certificate, pki.apiserver.key)
    server = await serve(lambda request: Response(200, (), b"{}"), ("127.0.0.1", 0), tls=tls)
    config = {"url": f"https://127.0.0.1:{server.port}", "caBundle": hook.bundle}
    await caller.post(config, {}, 5)
    await server.close(grace=0)
    again = await serve(lambda request: Response(200, (), b'{"a":1}'), ("127.0.0.1", server.port), tls=tls)
    assert await caller.post(config, {}, 5) == {"a": 1}
    await again.close(grace=0)


async def test_a_connection_that_the_server_drops_unanswered_is_replaced(hook, pki):
    """A server may close a kept connection just while the next request is on its way."""
    caller, served = calls(), []

    async def serve_one(reader, writer):
        served.append(writer.get_extra_info("peername"))
        for answers in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            await reader.readexactly(int(length.partition(b":")[2]))
            if answers == 0:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    tls = ServerTls(pki.apiserver.certificate, pki.apiserver.key).context
    server = await asyncio.start_server(serve_one, "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        config = {"url": f"https://127.0.0.1:{port}", "caBundle": hook.bundle}
        assert [await caller.post(config, {}, 5) for _ in range(3)] == [{}] * 3
        assert len(served) == 3
        caller.close()


async def refusal(config, seconds=5.0, objects=None):
    with pytest.raises(WebhookFailed) as failed:
        await calls(objects).post(config, {}, seconds)
    return str(failed.value)


async def test_unknown_authority(hook):
    text = await refusal({"url": hook.url})
    assert (
        text
        == f'Post "{hook.url}?timeout=5s": tls: failed to verify certificate: x509: certificate signed by unknown authority'
    )


async def test_name_not_in_the_certificate(hook, pki):
    other = pki.apiserver.certificate.with_name("other.crt")
    pair = pki.apiserver._replace(certificate=other, key=other.with_suffix(".key"))
    pki._ensure_leaf(pair, pki.ca, Subject("other", (), ("other",), (), (SERVER,)))
    server = await serve(lambda request: Response(200, (), b"{}"), ("127.0.0.1", 0), tls=ServerTls(*pair))
    text = await refusal({"url": f"https://127.0.0.1:{server.port}", "caBundle": hook.bundle})
    await server.close(grace=0)
    assert "x509: IP address mismatch, certificate is not valid for '127.0.0.1'" in text


async def test_time(hook):
    async def slow(request):
        await asyncio.get_running_loop().create_future()

    hook.answer = slow
    text = await refusal({"url": hook.url, "caBundle": hook.bundle}, 0.2)
    assert text == f'Post "{hook.url}?timeout=0.2s": context deadline exceeded'


async def test_size(hook, monkeypatch):
    monkeypatch.setattr(caller, "ANSWER_LIMIT", 100)
    hook.answer = lambda request: Response(200, (), b"[" + b"1," * 60 + b"1]")
    assert await refusal({"url": hook.url, "caBundle": hook.bundle}) == "the answer is larger than 100 bytes"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Response(404, (), b""), "the server could not find the requested resource"),
        (Response(500, (), b"boom"), 'an error on the server ("boom") has prevented the request from succeeding'),
        (Response(200, (), b"[]"), "couldn't get version/kind; json parse error: the answer is not an object"),
    ],
    ids=["404", "500", "not an object"],
)
async def test_answers_that_are_none(hook, answer, text):
    hook.answer = lambda request: answer
    assert await refusal({"url": hook.url, "caBundle": hook.bundle}) == text


async def test_nobody_there():
    text = await refusal({"url": "https://127.0.0.1:1/x"})
    assert text == 'Post "https://127.0.0.1:1/x?timeout=5s": dial tcp 127.0.0.1:1: connect: connection refused'


async def test_service_missing():
    text = await refusal({"service": {"namespace": "ns", "name": "hook"}}, 10)
    assert text == 'Post "https://hook.ns.svc:443/?timeout=10s": service "hook" not found'


async def test_bundle_without_certificates(hook):
    text = await refusal({"url": hook.url, "caBundle": base64.b64encode(b"nothing").decode()})
    assert text.endswith("unable to load root certificates: unable to parse bytes as PEM block")


@pytest.mark.parametrize(
    ("config", "target"),
    [
        ({"url": "https://a.example/x?y=1"}, Target("a.example", 443, "/x", None, "y=1")),
        ({"service": {"namespace": "n", "name": "s", "port": 8443}}, Target("s.n.svc", 8443, "/", ("n", "s"))),
        ({"service": {"namespace": "n", "name": "s", "path": "/p"}}, Target("s.n.svc", 443, "/p", ("n", "s"))),
    ],
    ids=["url", "service", "path"],
)
def test_target(config, target):
    assert target_of(config) == target


def test_resolve():
    objects = {
        ("services", "n", "far"): {"spec": {"type": "ExternalName", "externalName": "far.example"}},
        ("services", "n", "empty"): {"spec": {"ports": [{"port": 443}]}},
    }
    backends = Backends(lambda *key: objects.get(key), dial_directly, lambda verify: None, random.Random(1))
    assert resolve(backends, "n", "far", 8443) == ("far.example", 8443)
    with pytest.raises(ServiceUnavailable, match='no endpoints available for service "empty"'):
        resolve(backends, "n", "empty", 443)
    with pytest.raises(ServiceUnavailable, match='no service port 80 found for service "empty"'):
        resolve(backends, "n", "empty", 80)
    with pytest.raises(NotFound):
        resolve(backends, "n", "none", 443)
