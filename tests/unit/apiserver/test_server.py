"""A whole apiserver over an embedded store, in process: what needs no socket, and what a restart changes."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from kubern.api.resource import STATUS, Resource, Subresource
from kubern.api.resources.events.events import RESOURCE as NEWER_EVENT
from kubern.apiserver.cache import WINDOW
from kubern.apiserver.config import Config
from kubern.apiserver.identity import AUTHENTICATED, LOOPBACK, User
from kubern.apiserver.server import ApiServer
from kubern.base.clock import FakeClock
from kubern.http.contract import Peer, Request, Response, Stream
from kubern.store.embedded import EmbeddedStore


def simple(group: str, version: str, kind: str, plural: str, namespaced: bool = True, **more: Any) -> Resource:
    schema = {"": "core", "rbac.authorization.k8s.io": "rbac"}.get(group, group.split(".")[0])
    return Resource(
        group, version, kind, plural, kind.lower(), namespaced, f"io.k8s.api.{schema}.{version}.{kind}", **more
    )  # fmt: skip


RBAC = "rbac.authorization.k8s.io"
RESOURCES = (
    simple(
        "", "v1", "Namespace", "namespaces", False, subresources=(STATUS, Subresource("finalize", ("update",))),
        prepare_create=lambda obj: obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"]) and None,
    ),
    simple("", "v1", "ConfigMap", "configmaps"),
    simple("", "v1", "Service", "services", storage_prefix="services/specs"),
    simple("", "v1", "Event", "events"),
    simple("events.k8s.io", "v1", "Event", "events", storage_version=False, conversion=NEWER_EVENT.conversion),
    simple(RBAC, "v1", "Role", "roles", validate_name=lambda name: []),
    simple(RBAC, "v1", "RoleBinding", "rolebindings", validate_name=lambda name: []),
    simple(RBAC, "v1", "ClusterRole", "clusterroles", False, validate_name=lambda name: []),
    simple(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", False, validate_name=lambda name: []),
)  # fmt: skip
PATH = "/api/v1/namespaces/default/configmaps"


class Writer:
    """Keeps what a stream sends."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.closed = False
        self.buffered = 0

    def write(self, data: bytes) -> None:
        self.lines += [orjson.loads(line) for line in data.splitlines()]

    def write_framed(self, chunk: bytes) -> None:
        self.write(chunk.partition(b"\r\n")[2][:-2])

    def close(self) -> None:
        self.closed = True

    async def drain(self) -> None:
        return


class Local:
    """Calls an apiserver's handler as one user."""

    def __init__(self, server: ApiServer, user: User = LOOPBACK) -> None:
        self.server = server
        self.user = user

    async def __call__(self, method: str, path: str, body: Any = None, query: str = "", **headers: str) -> Any:
        data = b"" if body is None else orjson.dumps(body)
        head = {key.replace("_", "-"): value for key, value in headers.items()}
        answer = self.server.handler(Request(method, path, query, head, data, Peer(user=self.user)))
        return await answer if inspect.isawaitable(answer) else answer

    async def make(self, name: str, **fields: Any) -> dict[str, Any]:
        answer = await self("POST", PATH, {"metadata": {"name": name}, **fields})
        assert answer.status == 201, answer.body
        made: dict[str, Any] = orjson.loads(answer.body)
        return made

    async def watch(self, query: str) -> tuple[Writer, Stream]:
        stream = await self("GET", PATH, query=f"watch=1&{query}")
        assert isinstance(stream, Stream)
        writer = Writer()
        stream.start(writer)
        return writer, stream


async def started(directory: Path, **config: Any) -> tuple[EmbeddedStore, ApiServer]:
    clock = FakeClock()
    store = await EmbeddedStore.open(directory, clock=clock)
    server = ApiServer(store, RESOURCES, Config(**config), clock, random.Random(1))
    await server.start()
    return store, server


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Local]:
    store, server = await started(tmp_path)
    yield Local(server)
    await server.close()
    await store.close()


async def test_a_cached_read_is_answered_at_once(local: Local) -> None:
    await local.make("one")
    assert isinstance(local.server.handler(Request("GET", f"{PATH}/one", "", {}, b"", Peer(user=LOOPBACK))), Response)


async def test_a_read_shows_what_was_just_written(local: Local) -> None:
    for index in range(50):
        made = await local.make(f"c{index}")
        assert orjson.loads((await local("GET", f"{PATH}/c{index}")).body) == made


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  there is nothing to wait for but that the loop goes on
            await asyncio.sleep(0)


async def test_a_watch_resumes_within_the_window_and_before_it_while_the_store_remembers(local: Local) -> None:
    first = await local.make("one")
    storage = local.server.core.storage_of("configmaps")
    revision = first["metadata"]["resourceVersion"]
    await local.make("two")
    writer, stream = await local.watch(f"resourceVersion={revision}")
    assert [line["object"]["metadata"]["name"] for line in writer.lines] == ["two"]
    stream.stop()
    storage.cache.floor = 1 << 60
    writer, stream = await local.watch(f"resourceVersion={revision}")
    await until(lambda: len(writer.lines) == 1)
    await local.make("three")
    await until(lambda: len(writer.lines) == 2)
    assert [line["object"]["metadata"]["name"] for line in writer.lines] == ["two", "three"]
    stream.stop()
    store = local.server.core.store
    await store.compact(await store.revision())
    writer, stream = await local.watch(f"resourceVersion={revision}")
    await until(lambda: writer.closed)
    assert [(line["type"], line["object"]["code"]) for line in writer.lines] == [("ERROR", 410)]
    assert "too old resource version" in writer.lines[0]["object"]["message"]


async def test_the_window_is_bounded(local: Local) -> None:
    made = await local.make("one")
    storage = local.server.core.storage_of("configmaps")
    change = storage.cache.window[-1]
    storage.cache.window.extend([change] * (WINDOW - len(storage.cache.window)))
    await local("DELETE", f"{PATH}/one")
    assert len(storage.cache.window) <= WINDOW
    assert storage.cache.floor >= int(made["metadata"]["resourceVersion"]) - 1


async def test_objects_and_addresses_survive_a_restart(tmp_path: Path) -> None:
    store, server = await started(tmp_path)
    service = {
        "metadata": {"name": "s"},
        "spec": {"clusterIP": "10.96.0.9", "type": "ClusterIP", "ports": [{"port": 1}]},
    }
    assert (await Local(server)("POST", "/api/v1/namespaces/default/services", service)).status == 201
    before = (await Local(server)("GET", "/api/v1/namespaces/default/services/s")).body
    await server.close()
    await store.close()
    store, server = await started(tmp_path)
    assert (await Local(server)("GET", "/api/v1/namespaces/default/services/s")).body == before
    again = await Local(server)("POST", "/api/v1/namespaces/default/services", service | {"metadata": {"name": "t"}})
    assert b"provided IP is already allocated" in again.body
    await server.close()
    await store.close()


async def test_both_event_groups_show_one_event(local: Local) -> None:
    event = {
        "metadata": {"name": "e", "namespace": "default"}, "note": "hello", "reason": "Test", "regarding": {"name": "x"},
        "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "c", "reportingInstance": "i", "action": "a", "type": "Normal",
    }  # fmt: skip
    made = await local("POST", "/apis/events.k8s.io/v1/namespaces/default/events", event)
    assert made.status == 201, made.body
    assert orjson.loads(made.body)["apiVersion"] == "events.k8s.io/v1"
    core = orjson.loads((await local("GET", "/api/v1/namespaces/default/events/e")).body)
    assert (core["apiVersion"], core["message"], core["involvedObject"]) == ("v1", "hello", {"name": "x"})


async def test_who_may_not_is_told_what(local: Local) -> None:
    stranger = Local(local.server, User("eve", (AUTHENTICATED,)))
    refused = await stranger("GET", PATH)
    assert refused.status == 403
    assert orjson.loads(refused.body)["message"] == (
        'configmaps is forbidden: User "eve" cannot list resource "configmaps" in API group "" in the namespace "default"'
    )


async def test_a_role_made_now_counts_now(local: Local) -> None:
    stranger = Local(local.server, User("eve", (AUTHENTICATED,)))
    namespaced = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    role = {"metadata": {"name": "r"}, "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]}
    reference = {"apiGroup": RBAC, "kind": "Role", "name": "r"}
    subjects = [{"apiGroup": RBAC, "kind": "User", "name": "eve"}]
    assert (await local("POST", f"{namespaced}/roles", role)).status == 201
    binding = {"metadata": {"name": "b"}, "roleRef": reference, "subjects": subjects}
    assert (await local("POST", f"{namespaced}/rolebindings", binding)).status == 201
    assert (await stranger("GET", PATH)).status == 200
    await local("DELETE", f"{namespaced}/rolebindings/b")
    assert (await stranger("GET", PATH)).status == 403


async def test_anonymous_requests_are_refused_when_they_are_off(tmp_path: Path) -> None:
    store, server = await started(tmp_path, anonymous_auth=False)
    answer = server.handler(Request("GET", "/api", "", {}, b"", Peer()))
    assert isinstance(answer, Response)
    assert answer.status == 401
    await server.close()
    await store.close()


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/healthz", 200, b"ok"),
        ("/readyz/etcd", 200, b"ok"),
        ("/livez?verbose", 200, b"livez check passed"),
        ("/readyz/none", 404, b"404 page not found"),
        ("/version", 200, b'"gitVersion":"v1.36.0"'),
    ],
)
async def test_health(local: Local, path: str, status: int, text: bytes) -> None:
    where, _, query = path.partition("?")
    answer = await local("GET", where, query=query)
    assert answer.status == status
    assert text in answer.body


async def test_a_slow_pump_keeps_the_order(local: Local) -> None:
    start = local.server.core.feed.revision
    watches = [await local.watch(f"resourceVersion={start}") for _ in range(250)]
    for index in range(20):
        await local.make(f"c{index}")
    late, late_stream = await local.watch(f"resourceVersion={start}")
    await local("DELETE", f"{PATH}/c0")
    wanted = [f"c{index}" for index in range(20)]
    pumped = local.server.core.storage_of("configmaps").broadcaster
    while pumped.busy:
        pumped.pump()
    for writer, stream in [*watches, (late, late_stream)]:
        assert [line["object"]["metadata"]["name"] for line in writer.lines] == [*wanted, "c0"]
        stream.stop()


async def test_aggregated_discovery_has_an_etag(local: Local) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    first = await local("GET", "/apis", accept=accept)
    tag = dict(first.headers)["etag"]
    assert orjson.loads(first.body)["kind"] == "APIGroupDiscoveryList"
    assert (await local("GET", "/apis", accept=accept, if_none_match=tag)).status == 304
    assert orjson.loads((await local("GET", "/apis", accept="application/json")).body)["kind"] == "APIGroupList"


async def test_a_deletion_that_somebody_else_was_faster_with_ends(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object is gone from the store while the cache still shows it: nobody may try the same for ever without a pause."""
    await local.make("one")
    core = local.server.core
    held: list[Any] = []
    apply = core.feed._apply
    with monkeypatch.context() as patched:
        patched.setattr(core.feed, "_apply", held.append)
        key = core.storage_of("configmaps").store_key("default/one")
        assert (await core.store.txn(key, None)).succeeded
        deleting = asyncio.ensure_future(local("DELETE", f"{PATH}/one"))
        await until(lambda: bool(held))
        for _ in range(5):
            await asyncio.sleep(0)  # the deletion has tried, and waits; if it did not, this test would never go on
        assert not deleting.done()
    for batch in held:
        apply(batch)
    assert (await deleting).status == 404
