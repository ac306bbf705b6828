"""The edge of a whole apiserver, in process: turns, refusals, time limits and what is counted."""

from __future__ import annotations

import asyncio
import inspect
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from kubern.api.resources import load
from kubern.apiserver.config import Config
from kubern.apiserver.edge import is_long_running
from kubern.apiserver.identity import AUTHENTICATED, LOOPBACK, User
from kubern.apiserver.request_info import RequestInfo, parse_request
from kubern.apiserver.server import ApiServer
from kubern.base.clock import FakeClock
from kubern.http.contract import Peer, Request, Response
from kubern.store.embedded import EmbeddedStore

ALICE = User("alice", (AUTHENTICATED,))
PATH = "/api/v1/namespaces/default/configmaps"


async def slow(request: Request, info: RequestInfo) -> Response:
    """Never answer."""
    return await asyncio.get_running_loop().create_future()


class Server:
    """An apiserver whose path /slow never answers."""

    def __init__(self, api: ApiServer) -> None:
        self.api = api
        api.routes.add("/slow", slow)

    def ask(self, path: str, query: str = "", user: User = LOOPBACK, body: Any = None) -> Any:
        method = "GET" if body is None else "POST"
        data = b"" if body is None else orjson.dumps(body)
        return self.api.handler(Request(method, path, query, {}, data, Peer(user=user)))

    async def text(self) -> str:
        answer = await self.ask("/metrics")
        assert answer.status == 200
        return str(answer.body.decode())


async def make(directory: Path, **config: Any) -> AsyncIterator[Server]:
    clock = FakeClock()
    store = await EmbeddedStore.open(directory, clock=clock)
    api = ApiServer(store, load(), Config(authorization_mode=("AlwaysAllow",), **config), clock, random.Random(1))
    await api.start()
    yield Server(api)
    await api.close()
    await store.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async for made in make(tmp_path, max_requests_inflight=1, max_mutating_requests_inflight=1):
        yield made


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Server]:
    limits = {"max_requests_inflight": 1, "max_mutating_requests_inflight": 1}
    async for made in make(tmp_path, enable_priority_and_fairness=False, **limits):
        yield made


async def cancelled(*answers: Any) -> None:
    """End requests as their clients' going does."""
    for answer in answers:
        answer.cancel()
    await asyncio.gather(*answers, return_exceptions=True)


async def test_an_answer_says_how_its_request_was_classified(server: Server) -> None:
    found = {}
    for plural, name in (("flowschemas", "global-default"), ("prioritylevelconfigurations", "global-default")):
        got = server.ask(f"/apis/flowcontrol.apiserver.k8s.io/v1/{plural}/{name}")
        found[plural] = orjson.loads(got.body)["metadata"]["uid"]
    answer = server.ask(f"{PATH}/none", user=ALICE)
    assert answer.status == 404
    assert dict(answer.headers)["x-kubernetes-pf-flowschema-uid"] == found["flowschemas"]
    assert dict(answer.headers)["x-kubernetes-pf-prioritylevel-uid"] == found["prioritylevelconfigurations"]


async def test_a_cached_read_is_answered_at_once_while_there_are_seats(server: Server) -> None:
    assert isinstance(server.ask(PATH, user=ALICE), Response)


async def test_a_request_waits_while_every_seat_is_taken_and_then_runs(server: Server) -> None:
    held = asyncio.ensure_future(server.ask("/slow", user=ALICE))
    await asyncio.sleep(0)
    waiting = server.ask(PATH, user=ALICE)
    assert inspect.isawaitable(waiting)
    waiting = asyncio.ensure_future(waiting)
    await asyncio.sleep(0)
    assert 'apiserver_flowcontrol_current_inqueue_seats{priority_level="global-default"} 1' in await server.text()
    assert server.ask("/readyz", user=LOOPBACK) is not None
    await cancelled(held)
    assert (await waiting).status == 200


async def test_one_that_gives_up_leaves_its_queue(server: Server) -> None:
    held = asyncio.ensure_future(server.ask("/slow", user=ALICE))
    waiting = asyncio.ensure_future(server.ask(PATH, user=ALICE))
    await asyncio.sleep(0)
    await cancelled(waiting)
    assert 'current_inqueue_seats{priority_level="global-default"} 0' in await server.text()
    await cancelled(held)
    assert 'current_executing_seats{priority_level="global-default"} 0' in await server.text()
    assert isinstance(server.ask(PATH, user=ALICE), Response)


async def test_above_the_queues_length_a_request_is_refused(server: Server) -> None:
    path = "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/global-default"
    level = orjson.loads(server.ask(path).body)
    level["spec"]["limited"]["limitResponse"] = {"type": "Reject"}
    request = Request("PUT", path, "", {}, orjson.dumps(level), Peer(user=LOOPBACK))
    assert (await server.api.handler(request)).status == 200  # type: ignore[misc,union-attr]
    held = asyncio.ensure_future(server.ask("/slow", user=ALICE))
    await asyncio.sleep(0)
    refused = server.ask(PATH, user=ALICE)
    assert refused.status == 429
    assert ("retry-after", "1") in refused.headers
    assert orjson.loads(refused.body)["message"] == "Too many requests, please try again later."
    assert server.ask(PATH, user=LOOPBACK).status == 200
    assert 'flow_schema="global-default",reason="concurrency-limit"} 1' in await server.text()
    await cancelled(held)


async def test_without_fairness_there_is_a_plain_limit(plain: Server) -> None:
    held = asyncio.ensure_future(plain.ask("/slow", user=ALICE))
    await asyncio.sleep(0)
    assert plain.ask(PATH, user=ALICE).status == 429
    assert plain.ask(PATH, user=LOOPBACK).status == 200
    await cancelled(held)
    assert plain.ask(PATH, user=ALICE).status == 200
    assert plain.ask(PATH, user=ALICE).status == 429  # the first one's place is free at the loop's next turn
    await asyncio.sleep(0)
    assert plain.ask(PATH, user=ALICE).status == 200


async def test_a_request_that_takes_too_long_is_answered_504(server: Server) -> None:
    answer = await server.ask("/slow", "timeout=10ms")
    body = orjson.loads(answer.body)
    assert (answer.status, body["reason"]) == (504, "Timeout")
    assert body["message"] == "Timeout: request did not complete within the allotted timeout"


async def test_a_timeout_that_is_none_is_refused(server: Server) -> None:
    answer = server.ask(PATH, "timeout=soon")
    assert answer.status == 400
    expected = 'invalid timeout specified in the request URL: time: invalid duration "soon"'
    assert orjson.loads(answer.body)["message"] == expected


async def test_requests_are_counted_by_what_they_ask_for(server: Server) -> None:
    before = stored_configmaps(await server.text())
    server.ask(PATH)
    server.ask(PATH)
    await server.ask(PATH, body={"metadata": {"name": "a"}})
    text = await server.text()
    target = 'group="",version="v1",resource="configmaps",subresource="",scope'
    code = 'component="apiserver",dry_run="",code'
    assert f'apiserver_request_total{{verb="LIST",{target}="namespace",{code}="200"}} 2' in text
    assert f'apiserver_request_total{{verb="POST",{target}="resource",{code}="201"}} 1' in text
    assert stored_configmaps(text) == before + 1


def stored_configmaps(text: str) -> int:
    found = re.search(r'^apiserver_storage_objects\{resource="configmaps"\} (\d+)$', text, re.MULTILINE)
    return int(found[1]) if found else 0


async def test_what_is_not_served_makes_no_series(server: Server) -> None:
    before = (await server.text()).count("\n")
    for index in range(20):
        server.ask(f"/apis/g{index}/v1/namespaces/a/r{index}")
        server.ask(f"/n{index}")
        server.ask(f"{PATH}/a/sub{index}")
    assert (await server.text()).count("\n") < before + 200


@pytest.mark.parametrize("subresource", ["log", "exec", "attach", "portforward", "proxy"])
async def test_connections_into_pods_take_no_seats(server: Server, subresource: str) -> None:
    path = f"/api/v1/namespaces/default/pods/web/{subresource}"
    assert is_long_running(parse_request("GET", path, ""))
    held = asyncio.ensure_future(server.ask("/slow", user=ALICE))  # takes the only seat
    await asyncio.sleep(0)
    answer = server.ask(path, user=ALICE)
    answer = await asyncio.wait_for(answer, 10) if inspect.isawaitable(answer) else answer
    assert answer.status == 404
    waiting = asyncio.ensure_future(server.ask(f"{PATH}/none", user=ALICE))
    await asyncio.sleep(0)
    assert not waiting.done()
    await cancelled(held, waiting)


async def test_default_objects_are_put_back_within_a_minute(server: Server) -> None:
    core, group = server.api.core, "flowcontrol.apiserver.k8s.io"
    schemas = core.storage_of("flowschemas", group)
    assert isinstance(core.clock, FakeClock)

    async def write(name: str, precedence: int, setting: str) -> None:
        async def change(old: Any) -> Any:
            annotations = {"apf.kubernetes.io/autoupdate-spec": setting}
            metadata = old["metadata"] | {"annotations": annotations}
            return old | {"metadata": metadata, "spec": old["spec"] | {"matchingPrecedence": precedence}}

        await schemas.update("", name, change)

    def precedence(name: str) -> Any:
        entry = schemas.find("", name)
        return entry and entry.obj()["spec"]["matchingPrecedence"]

    await write("service-accounts", 77, "true")
    await write("global-default", 78, "false")
    await write("catch-all", 79, "false")
    await schemas.delete(schemas.get("", "system-nodes"))
    await core.clock.advance(59)
    names = ("service-accounts", "global-default", "catch-all", "system-nodes")
    assert [precedence(name) for name in names] == [77, 78, 79, None]
    await core.clock.advance(2)
    async with asyncio.timeout(10):
        while [precedence(name) for name in names] != [9000, 78, 10000, 500]:  # noqa: ASYNC110  written by a thread
            await asyncio.sleep(0)
