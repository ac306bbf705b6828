"""Every resource of the named groups goes through a whole apiserver, in each of its versions: made, shown, kept, patched, deleted."""

from __future__ import annotations

import inspect
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from kubern.api.resource import Resource
from kubern.api.resources import load
from kubern.apiserver.config import Config
from kubern.apiserver.identity import LOOPBACK
from kubern.apiserver.server import ApiServer
from kubern.base.clock import FakeClock
from kubern.http.contract import Peer, Request, Response
from kubern.store.embedded import EmbeddedStore
from tests.unit.api.resources.test_group_samples import NAMED, SAMPLES, sample

pytestmark = pytest.mark.asyncio(loop_scope="module")
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
MERGE = "application/merge-patch+json"
Call = Callable[..., Awaitable[Response]]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


async def _started(directory: Path) -> tuple[EmbeddedStore, ApiServer]:
    clock = FakeClock()
    store = await EmbeddedStore.open(directory, clock=clock)
    server = ApiServer(store, load(), Config(runtime_config={"api/all": True}), clock, random.Random(1))
    await server.start()
    return store, server


def _caller(server: ApiServer) -> Call:
    async def call(
        method: str, path: str, body: Any = None, accept: str = "application/json", sent: str = ""
    ) -> Response:
        data = b"" if body is None else orjson.dumps(body)
        headers = {"accept": accept, "content-type": sent or "application/json"}
        answer = server.handler(Request(method, path, "", headers, data, Peer(user=LOOPBACK)))
        answer = await answer if inspect.isawaitable(answer) else answer
        assert isinstance(answer, Response)
        return answer

    return call


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def call(directory: Path) -> AsyncIterator[Call]:
    store, server = await _started(directory)
    yield _caller(server)
    await server.close()
    await store.close()


def _path(resource: Resource) -> str:
    namespace = "namespaces/default/" if resource.namespaced else ""
    return f"/apis/{resource.group}/{resource.version}/{namespace}{resource.plural}"


def _served_sample(resource: Resource) -> dict[str, Any]:
    """Return the sample as a client of that version would send it."""
    obj = sample(resource)
    if resource.conversion:
        resource.conversion.from_storage(obj)
    obj["metadata"] = {k: v for k, v in obj["metadata"].items() if k in ("name", "namespace", "annotations")}
    return obj


SAMPLED = [r for r in NAMED if f"{r.group} {r.plural}" in SAMPLES]


@pytest.mark.parametrize("resource", SAMPLED, ids=[f"{r.api_version}-{r.plural}" for r in SAMPLED])
async def test_a_sound_object_lives_in_a_server(call: Call, resource: Resource) -> None:
    obj, path = _served_sample(resource), _path(resource)
    name = obj["metadata"]["name"]
    made = await call("POST", path, obj)
    assert made.status == 201, made.body
    live = orjson.loads((await call("GET", f"{path}/{name}")).body)
    assert live == orjson.loads(made.body)
    put = await call("PUT", f"{path}/{name}", live)
    assert (put.status, orjson.loads(put.body)) == (200, live)
    for other in NAMED:
        if (other.group, other.plural) == (resource.group, resource.plural):
            shown = await call("GET", _path(other), accept=TABLE)
            rows = orjson.loads(shown.body)["rows"]
            assert name in [row["object"]["metadata"]["name"] for row in rows]
    patched = await call(
        "PATCH", f"{path}/{name}", {"metadata": {"labels": {"x": "y"}, "finalizers": None}}, sent=MERGE
    )
    assert orjson.loads(patched.body)["metadata"]["labels"]["x"] == "y"
    assert (await call("DELETE", f"{path}/{name}")).status == 200
