"""Aggregation: a real HTTPS server behind an APIService, its conditions, discovery, and what it learns of who asks."""

from __future__ import annotations

import asyncio
import base64
import inspect

import aiohttp
import orjson
import pytest

from kubern.api.resources import load
from kubern.apiserver.aggregation.availability import missing
from kubern.apiserver.aggregation.describing import from_resource_list
from kubern.apiserver.aggregation.extensions import escaped
from kubern.apiserver.aggregation.remote import group_version_of, remote_of
from kubern.apiserver.authn.request_header import RequestHeaders, RequestHeaderSettings
from kubern.apiserver.backends.access import Backends
from kubern.apiserver.config import Config
from kubern.apiserver.identity import AUTHENTICATED, LOOPBACK, MASTERS, User
from kubern.apiserver.server import ApiServer
from kubern.base.clock import SystemClock
from kubern.base.errors import Unauthorized
from kubern.cluster.pki import Pki, Subject
from kubern.http.client import read_head
from kubern.http.contract import Peer, Request, Response, Stream, Tunnel, Upgrade
from kubern.http.dial import dial_directly, open_channel
from kubern.http.server import serve
from kubern.http.streaming import produced
from kubern.http.tls import ServerTls
from kubern.store.embedded import EmbeddedStore

GROUP, VERSION = "flavors.example.com", "v1"
PATH = f"/apis/{GROUP}/{VERSION}"
RESOURCES = {
    "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}",
    "resources": [
        {"name": "tastes", "singularName": "taste", "namespaced": True, "kind": "Taste", "verbs": ["get", "list"],
         "shortNames": ["ta"]},
        {"name": "tastes/status", "singularName": "", "namespaced": True, "kind": "Taste", "verbs": ["get"]},
    ],
}  # fmt: skip

SPDY_HEAD = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
SWAGGER = {
    "swagger": "2.0",
    "info": {"title": "flavors", "version": "v1"},
    "paths": {
        f"{PATH}/tastes": {"get": {"responses": {"200": {"schema": {"$ref": "#/definitions/Taste"}}}}},
        "/healthz": {"get": {"responses": {"200": {"description": "OK"}}}},
    },
    "definitions": {
        "Taste": {
            "properties": {"metadata": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}}
        },
        "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {"type": "object", "description": "another"},
    },
}


def shell(request):
    """Echo what comes over a connection that changes its protocol."""

    async def echo_messages(socket):
        while (message := await socket.receive()) is not None:
            await socket.send(message)

    async def echo_bytes(channel):
        while data := await channel.receive():
            await channel.send(data)

    if request.headers.get("upgrade") == "SPDY/3.1":
        return Tunnel(SPDY_HEAD, echo_bytes)
    return Upgrade("v5.channel.k8s.io", echo_messages)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    made = Pki(tmp_path_factory.mktemp("pki"))
    made.ensure("10.96.0.1", ["127.0.0.1"], ["flavors.food.svc"])
    return made


@pytest.fixture
async def extension(pki):
    """An extension server that keeps what it was asked."""

    class Extension:
        asked: list[Request]
        healthy = True
        swagger: bytes | None = None

    made = Extension()
    made.asked = []

    def handler(request):
        made.asked.append(request)
        if not made.healthy:
            return Response(500, (), b"broken")
        if request.path == PATH:
            return Response(200, (("content-type", "application/json"),), orjson.dumps(RESOURCES))
        if request.path == "/openapi/v3":
            place = {PATH[1:]: {"serverRelativeURL": f"/openapi/v3{PATH}?hash=1"}, "apis/other/v1": {}}
            return Response(200, (), orjson.dumps({"paths": place}))
        if request.path == f"/openapi/v3{PATH}":
            return Response(200, (("content-type", "application/json"), ("etag", '"1"')), b'{"openapi":"3.0.0"}')
        if request.path == "/openapi/v2" and made.swagger is not None:
            return Response(200, (("etag", '"2"'),), made.swagger)
        if request.path.endswith("/elsewhere"):
            return Response(int(request.query or 307), (("location", "https://127.0.0.1:1/steal"),), b"go there")
        if request.path.endswith("/shell"):
            return shell(request)
        if request.query == "watch=true":
            return produced(200, (("content-type", "application/json"),), _events)
        if request.path.startswith(f"{PATH}/"):
            return Response(200, (("content-type", "application/json"),), b'{"kind":"TasteList","items":[]}')
        return Response(404, (), b"no")

    async def _events(writer):
        writer.write(b'{"type":"ADDED"}\n')
        await asyncio.Event().wait()

    tls = ServerTls(pki.apiserver.certificate, pki.apiserver.key, pki.front_proxy_ca.certificate)
    server = await serve(handler, ("127.0.0.1", 0), tls=tls)
    made.port = server.port
    yield made
    await server.close(grace=0)


@pytest.fixture
async def api(tmp_path, pki):
    """A whole apiserver in this process; call it with method, path and body."""
    store = await EmbeddedStore.open(tmp_path, clock=SystemClock())
    config = Config(
        client_ca_file=pki.ca.certificate,
        request_header=RequestHeaderSettings(pki.front_proxy_ca.certificate, ("front-proxy-client",)),
        proxy_client_cert_file=pki.front_proxy_client.certificate,
        proxy_client_key_file=pki.front_proxy_client.key,
    )
    server = ApiServer(store, load(), config, SystemClock())
    await server.start()

    async def call(method, path, body=None, user=LOOPBACK, accept="application/json", **more):
        target, _, query = path.partition("?")
        headers = {"accept": accept, "content-type": "application/json", "authorization": "Bearer secret"}
        headers |= {"x-remote-user": "mallory"} | more
        answered = server.handler(Request(method, target, query, headers, orjson.dumps(body or {}), Peer(user=user)))
        return await answered if inspect.isawaitable(answered) else answered

    call.server = server
    yield call
    await server.close()
    await store.close()


async def register(api, pki, port, **spec):
    """Create the APIService and the Service that leads to this machine."""
    await api("POST", "/api/v1/namespaces", {"metadata": {"name": "food"}})
    service = {
        "metadata": {"name": "flavors"},
        "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
    }
    await api("POST", "/api/v1/namespaces/food/services", service)
    bundle = base64.b64encode(pki.ca.certificate.read_bytes()).decode()
    trust = spec or {"caBundle": bundle}
    made = await api(
        "POST",
        "/apis/apiregistration.k8s.io/v1/apiservices",
        {
            "metadata": {"name": f"{VERSION}.{GROUP}"},
            "spec": {
                "group": GROUP, "version": VERSION, "groupPriorityMinimum": 100, "versionPriority": 10,
                "service": {"namespace": "food", "name": "flavors", "port": port}, **trust,
            },
        },
    )  # fmt: skip
    assert made.status == 201, made.body


async def condition(api, status, name=f"{VERSION}.{GROUP}"):
    """Wait until an APIService's Available condition has this status, and return the condition."""
    async with asyncio.timeout(10):
        while True:
            got = orjson.loads((await api("GET", f"/apis/apiregistration.k8s.io/v1/apiservices/{name}")).body)
            found = [{}] if got["kind"] == "Status" else (got.get("status") or {}).get("conditions") or [{}]
            if found[0].get("status") == status:
                return found[0]
            await asyncio.sleep(0.02)


async def test_requests_reach_the_server_with_who_asks_and_without_their_credentials(api, pki, extension):
    await register(api, pki, extension.port)
    assert (await condition(api, "True"))["reason"] == "Passed"
    user = User("jane", (MASTERS, AUTHENTICATED), "u-1", {"example.com/scope": ("a", "b")})
    answer = await api("GET", f"{PATH}/namespaces/food/tastes?limit=5", user=user)
    assert (answer.status, orjson.loads(answer.body)["kind"]) == (200, "TasteList")
    headers, got = extension.asked[-1].headers, extension.asked[-1]
    assert got.query == "limit=5"
    assert headers["x-remote-user"] == "jane"
    assert headers["x-remote-group"] == f"{MASTERS}, {AUTHENTICATED}"
    assert headers["x-remote-uid"] == "u-1"
    assert headers["x-remote-extra-example.com%2fscope"] == "a, b"
    assert "authorization" not in headers
    assert b"front-proxy-client" in got.peer.certificate


async def test_no_server_sends_clients_elsewhere(api, pki, extension):
    await register(api, pki, extension.port)
    await condition(api, "True")
    for code in (301, 302, 307, 308):
        for headers in ({}, {"connection": "Upgrade", "upgrade": "SPDY/3.1"}):
            answer = await api("GET", f"{PATH}/elsewhere?{code}", **headers)
            text = b"the backend attempted to redirect this request, which is not permitted"
            assert (answer.status, bytes(answer.body)) == (502, text)
            assert "location" not in dict(answer.headers)


async def test_a_watch_is_streamed(api, pki, extension):
    await register(api, pki, extension.port)
    await condition(api, "True")
    answer = await api("GET", f"{PATH}/namespaces/food/tastes?watch=true")
    assert isinstance(answer, Stream)
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    class Writer:
        closed, buffered = False, 0

        def write(self, data):
            got.set_result(data)

        def close(self):
            self.closed = True

        async def drain(self):
            return

    answer.start(Writer())
    assert await asyncio.wait_for(got, 5) == b'{"type":"ADDED"}\n'
    answer.stop()


async def test_who_may_not_ask_is_refused_here(api, pki, extension):
    await register(api, pki, extension.port)
    await condition(api, "True")
    before = len(extension.asked)
    answer = await api("GET", f"{PATH}/namespaces/food/tastes", user=User("joe", (AUTHENTICATED,)))
    assert answer.status == 403
    assert len(extension.asked) == before


async def test_discovery_shows_what_the_server_has(api, pki, extension):
    await register(api, pki, extension.port)
    await condition(api, "True")
    groups = orjson.loads((await api("GET", "/apis")).body)["groups"]
    assert groups[-1]["name"] == GROUP
    assert groups[-1]["preferredVersion"]["groupVersion"] == f"{GROUP}/{VERSION}"
    aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    items = orjson.loads((await api("GET", "/apis", accept=aggregated)).body)["items"]
    version = items[-1]["versions"][0]
    assert version["freshness"] == "Current"
    assert version["resources"][0]["resource"] == "tastes"
    assert version["resources"][0]["subresources"][0]["subresource"] == "status"
    assert orjson.loads((await api("GET", PATH)).body) == RESOURCES
    assert orjson.loads((await api("GET", f"/apis/{GROUP}")).body)["versions"][0]["version"] == VERSION
    await api("DELETE", f"/apis/apiregistration.k8s.io/v1/apiservices/{VERSION}.{GROUP}")
    assert (await api("GET", PATH)).status == 404
    assert GROUP not in (await api("GET", "/apis")).body.decode()


async def test_openapi_leads_to_the_servers_documents(api, pki, extension):
    before = orjson.loads((await api("GET", "/openapi/v3")).body)["paths"]
    await register(api, pki, extension.port)
    await condition(api, "True")
    paths = orjson.loads((await api("GET", "/openapi/v3")).body)["paths"]
    assert paths.keys() - before.keys() == {PATH[1:]}
    place = paths[PATH[1:]]["serverRelativeURL"]
    answer = await api("GET", place)
    assert (answer.status, answer.body) == (200, b'{"openapi":"3.0.0"}')
    assert ("etag", '"1"') in answer.headers
    assert extension.asked[-1].query == "hash=1"


async def swagger(api):
    """Return the whole OpenAPI 2 document and its hash."""
    answer = await api("GET", "/openapi/v2")
    assert answer.status == 200
    return orjson.loads(answer.body), dict(answer.headers)["etag"]


async def test_openapi_2_holds_the_servers_document_while_it_is_registered(api, pki, extension):
    meta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
    extension.swagger = orjson.dumps(SWAGGER)
    before, own_tag = await swagger(api)
    await register(api, pki, extension.port)
    await condition(api, "True")
    both, tag = await swagger(api)
    assert tag != own_tag
    assert both["paths"].keys() - before["paths"].keys() == {f"{PATH}/tastes"}
    assert both["definitions"].keys() - before["definitions"].keys() == {"Taste", f"{meta}_v2"}
    assert both["definitions"]["Taste"]["properties"]["metadata"] == {"$ref": f"#/definitions/{meta}_v2"}
    assert both["definitions"][meta] == before["definitions"][meta]
    kind = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    written = (await api("GET", "/openapi/v2", accept=kind)).body
    assert f"{PATH}/tastes".encode() in written
    assert f"#/definitions/{meta}_v2".encode() in written
    await api("DELETE", f"/apis/apiregistration.k8s.io/v1/apiservices/{VERSION}.{GROUP}")
    assert await swagger(api) == (before, own_tag)
    assert f"{PATH}/tastes".encode() not in (await api("GET", "/openapi/v2", accept=kind)).body


@pytest.mark.parametrize(
    "unfit",
    [
        pytest.param(b"{", id="not JSON"),
        pytest.param(b'{"swagger":"2.0","paths":' + b'{"a":' * 900 + b"1" + b"}" * 901, id="too deep"),
        pytest.param(orjson.dumps(SWAGGER | {"paths": {f"{PATH}/x": {"get": []}}}), id="an operation that is a list"),
    ],
)
async def test_a_server_with_an_unfit_document_spoils_nothing(api, pki, extension, unfit):
    before = await swagger(api)
    extension.swagger = unfit
    await register(api, pki, extension.port)
    await condition(api, "True")
    assert await swagger(api) == before


@pytest.fixture
async def front(api):
    """The port of the whole apiserver's door, to which everybody is known."""

    def known(request):
        return api.server.handler(request._replace(peer=Peer(user=LOOPBACK, memo={})))

    server = await serve(known, ("127.0.0.1", 0))
    yield server.port
    await server.close(grace=0)


async def test_a_websocket_goes_through_to_the_server(api, pki, extension, front):
    await register(api, pki, extension.port)
    await condition(api, "True")
    url = f"http://127.0.0.1:{front}{PATH}/namespaces/food/tastes/a/shell?command=sh"
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(url, protocols=("v5.channel.k8s.io",))
        assert socket.protocol == "v5.channel.k8s.io"
        for message in (b"\0hello", b"\0" + b"x" * 300_000):
            await socket.send_bytes(message)
            assert await socket.receive_bytes(timeout=5) == message
        await socket.close()
    got = extension.asked[-1]
    assert (got.query, got.headers["x-remote-user"]) == ("command=sh", LOOPBACK.name)
    assert "authorization" not in got.headers


async def test_spdy_goes_through_to_the_server_and_a_refusal_comes_back(api, pki, extension, front):
    await register(api, pki, extension.port)
    await condition(api, "True")
    for path, status in (("/namespaces/food/tastes/a/shell", 101), ("/namespaces/food/tastes/a", 200)):
        channel = await open_channel(dial_directly, "127.0.0.1", front)
        head = f"POST {PATH}{path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n"
        await channel.send(head.encode())
        answered, rest = await asyncio.wait_for(read_head(channel), 5)
        assert answered.status == status
        if status == 101:
            await channel.send(b"streams")
            while len(rest) < len(b"streams"):
                rest += await asyncio.wait_for(channel.receive(), 5)
            assert rest == b"streams"
        channel.abort()


async def test_a_server_that_fails_is_unavailable_and_stale(api, pki, extension):
    extension.healthy = False
    await register(api, pki, extension.port)
    found = await condition(api, "False")
    url = f"https://localhost:{extension.port}{PATH}"
    assert found["reason"] == "FailedDiscoveryCheck"
    assert found["message"] == f"failing or missing response from {url}: bad status from {url}: 500"
    answer = await api("GET", f"{PATH}/namespaces/food/tastes")
    assert (answer.status, answer.body) == (503, b"service unavailable\n")
    aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    items = orjson.loads((await api("GET", "/apis", accept=aggregated)).body)["items"]
    assert items[-1]["versions"][0] == {"version": VERSION, "freshness": "Stale"}
    extension.healthy = True
    await condition(api, "True")
    assert (await api("GET", f"{PATH}/namespaces/food/tastes")).status == 200


async def test_a_server_whose_certificate_is_not_trusted_is_unavailable(api, pki, extension):
    other = base64.b64encode(pki.front_proxy_ca.certificate.read_bytes()).decode()
    await register(api, pki, extension.port, caBundle=other)
    assert "failed to verify certificate" in (await condition(api, "False"))["message"]


async def test_a_certificate_may_be_left_unverified(api, pki, extension):
    await register(api, pki, extension.port, insecureSkipTLSVerify=True)
    await condition(api, "True")


async def test_what_is_served_here_has_local_apiservices(api):
    listed = orjson.loads((await api("GET", "/apis/apiregistration.k8s.io/v1/apiservices")).body)["items"]
    found = {item["metadata"]["name"]: item for item in listed}
    apps, core = found["v1.apps"], found["v1."]
    assert apps["spec"] == {"group": "apps", "version": "v1", "groupPriorityMinimum": 17800, "versionPriority": 15}
    assert apps["metadata"]["labels"] == {"kube-aggregator.kubernetes.io/automanaged": "onstart"}
    assert apps["status"]["conditions"][0]["message"] == "Local APIServices are always available"
    assert core["spec"]["groupPriorityMinimum"] == 18000
    assert "v1.apiregistration.k8s.io" not in found


async def test_a_custom_resource_gets_an_apiservice_that_goes_with_it(api):
    crd = {
        "metadata": {"name": "cups.example.com"},
        "spec": {
            "group": "example.com", "scope": "Cluster", "names": {"plural": "cups", "kind": "Cup"},
            "versions": [{"name": "v1", "served": True, "storage": True,
                          "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    }  # fmt: skip
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert (await api("POST", definitions, crd)).status == 201
    found = await condition(api, "True", "v1.example.com")
    assert found["reason"] == "Local"
    path = "/apis/apiregistration.k8s.io/v1/apiservices/v1.example.com"
    made = orjson.loads((await api("GET", path)).body)
    assert made["spec"]["groupPriorityMinimum"] == 1000
    assert made["metadata"]["labels"] == {"kube-aggregator.kubernetes.io/automanaged": "true"}
    await api("DELETE", f"{definitions}/cups.example.com")
    async with asyncio.timeout(10):
        while True:
            if (await api("GET", path)).status == 404:
                return
            await asyncio.sleep(0.02)


async def test_the_cluster_says_whom_extension_servers_are_to_believe(api, pki):
    path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
    data = orjson.loads((await api("GET", path)).body)["data"]
    assert data["client-ca-file"] == pki.ca.certificate.read_text()
    assert data["requestheader-client-ca-file"] == pki.front_proxy_ca.certificate.read_text()
    assert data["requestheader-username-headers"] == '["X-Remote-User"]'
    assert data["requestheader-allowed-names"] == '["front-proxy-client"]'


async def test_a_handler_of_this_process_is_called_without_a_connection(api, pki):
    seen = []

    def handler(request):
        seen.append(request.peer.user.name)
        return Response(200, (("content-type", "application/json"),), orjson.dumps(RESOURCES))

    api.server.core.extensions.attach("food", "flavors", handler)
    await register(api, pki, 443)
    await condition(api, "True")
    assert (await api("GET", f"{PATH}/namespaces/food/tastes")).status == 200
    assert seen[0] == "system:kube-aggregator"
    assert seen[-1] == LOOPBACK.name


SERVICE = {"spec": {"type": "ClusterIP", "ports": [{"port": 443, "name": "https"}]}}
SLICE = {
    "ports": [{"name": "https", "port": 8443}],
    "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
}
NOT_READY = SLICE | {"endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}]}


@pytest.mark.parametrize(
    ("service", "slices", "expected"),
    [
        pytest.param(None, [], ("ServiceNotFound", 'service/s in "ns" is not present'), id="no service"),
        pytest.param(
            {"spec": {"ports": [{"port": 80}]}}, [],
            ("ServicePortError", 'service/s in "ns" is not listening on port 443'), id="no such port",
        ),
        pytest.param(SERVICE, [], ("EndpointsNotFound", 'cannot find endpointslices for service/s in "ns"'), id="no slices"),
        pytest.param(
            SERVICE, [NOT_READY],
            ("MissingEndpoints", 'endpointslices for service/s in "ns" have no addresses with port name "https"'),
            id="none ready",
        ),
        pytest.param(SERVICE, [SLICE], None, id="ready"),
        pytest.param({"spec": {"type": "ExternalName", "externalName": "x"}}, [], None, id="external name"),
    ],
)  # fmt: skip
def test_what_a_cluster_lacks_has_upstreams_reasons(service, slices, expected):
    def find(plural, namespace, name):
        return service if plural == "services" else None

    backends = Backends(find, dial_directly, lambda verify: None, None, lambda namespace, name: slices)
    remote = remote_of(
        {
            "metadata": {"name": "v1.g"},
            "spec": {"group": "g", "version": "v1", "service": {"namespace": "ns", "name": "s"}},
        }
    )
    assert remote is not None
    assert missing(backends, remote) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/apis/g/v1", ("g", "v1")), ("/apis/g/v1/", ("g", "v1")), ("/apis/g", ("", "")), ("/healthz", ("", ""))],
)
def test_the_group_version_of_a_path(path, expected):
    assert group_version_of(path) == expected


def test_an_extras_key_is_escaped_for_a_header():
    assert escaped("example.com/a b%") == "example.com%2Fa%20b%25"


def test_a_document_of_another_kind_tells_nothing():
    remote = remote_of(
        {"metadata": {"name": "v1.g"}, "spec": {"group": "g", "version": "v1", "service": {"name": "s"}}}
    )
    assert from_resource_list({"kind": "Status"}, remote) is None
    assert from_resource_list([], remote) is None


@pytest.fixture(scope="module")
def certificates(pki):
    """DER certificates by who signed them."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    def der(pair):
        return x509.load_pem_x509_certificate(pair.certificate.read_bytes()).public_bytes(Encoding.DER)

    other = pki._pair("other-proxy")
    pki._ensure_leaf(other, pki.front_proxy_ca, Subject("other-proxy"))
    return {"proxy": der(pki.front_proxy_client), "user": der(pki.admin), "other": der(other)}


HEADERS = {"x-remote-user": "jane", "x-remote-group": "a, b", "x-remote-extra-s%2Fx": "1, 2", "x-remote-uid": "7"}


def request(certificate, headers=HEADERS):
    return Request("GET", "/api", "", headers, b"", Peer(certificate=certificate, memo={}))


def test_a_front_proxy_says_for_whom_it_asks(pki, certificates):
    method = RequestHeaders(RequestHeaderSettings(pki.front_proxy_ca.certificate, ("front-proxy-client",)))
    expected = User("jane", ("a", "b"), "7", {"s/x": ("1", "2")})
    assert method(request(certificates["proxy"])) == expected
    assert method(request(certificates["proxy"], {})) is None
    assert method(request(certificates["user"])) is None
    assert method(request(b"")) is None
    with pytest.raises(Unauthorized, match="cn=other-proxy is not in the allowed list"):
        method(request(certificates["other"]))


async def test_a_front_proxys_certificate_is_no_user(api, certificates):
    def who(certificate, headers):
        return api.server.core.security.authenticate(request(certificate, headers))

    assert who(certificates["proxy"], HEADERS).name == "jane"
    assert who(certificates["user"], HEADERS).name == "kubernetes-admin"
    for refused in ("proxy", "other"):
        with pytest.raises(Unauthorized):
            who(certificates[refused], {})
