"""A member of etcd that is cut off from the others: who asks it waits or is refused, and never gets what the others have overwritten."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path

from kubern.base.clock import SystemClock
from kubern.store.etcd import rpc_pb2 as rpc
from kubern.store.etcd.store import EtcdStore
from tests.api.conftest import Answer, Api, Apiserver
from tests.etcd import Etcd, Member

PATH = "/api/v1/namespaces/default/configmaps"
LIMIT = 45.0
LOST = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, OSError)


async def _leader(urls: list[str]) -> int:
    store = await EtcdStore.open(urls, clock=SystemClock(), compact_every=0)
    try:
        statuses = await store.members.each("Status", rpc.StatusRequest(), 5)
        return [status.header.member_id == status.leader for status in statuses].index(True)
    finally:
        await store.close()


def ask(api: Api, method: str, name: str, value: int | None = None, timeout: float = 20) -> Answer | None:
    """Send one request; None when nothing came back in time."""
    body = None if value is None else {"data": {"n": str(value)}}
    with contextlib.suppress(*LOST):
        headers = {"content-type": "application/merge-patch+json"}
        return api(method, f"{PATH}/{name}", body, headers=headers, timeout=timeout)
    return None


def change(api: Api, value: int) -> None:
    """Write the counter's value; who has just lost its leader is asked again."""
    deadline = time.monotonic() + LIMIT
    while True:
        answer = ask(api, "PATCH", "counter", value)
        if answer is not None and answer.code == 200:
            return
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


def read(api: Api, value: int) -> None:
    """Read the counter until there is an answer, which must be the present."""
    begun = time.monotonic()
    while True:
        answer = ask(api, "GET", "counter")
        if answer is not None and answer.code == 200:
            assert answer.body["data"] == {"n": str(value)}
            return
        assert time.monotonic() < begun + LIMIT, answer
        time.sleep(0.05)


@contextlib.contextmanager
def frozen(member: Member) -> Iterator[None]:
    member.freeze()
    try:
        yield
    finally:
        member.thaw()


def test_a_member_cut_off_gives_no_stale_answer(
    three: Etcd, own_apiserver: Callable[..., Apiserver], tmp_path: Path
) -> None:
    cut = three.members[asyncio.run(_leader(three.urls))]  # it believes to lead for a while when it comes back
    rest = [member.url for member in three.members if member is not cut]
    apis = []
    for name, urls in (("cut", [cut.url]), ("rest", rest), ("all", [cut.url, *rest])):
        apis.append(own_apiserver(f"--etcd-servers={','.join(urls)}", directory=tmp_path / name).start())
    minority, majority, everywhere = apis
    assert majority("POST", PATH, {"metadata": {"name": "counter"}, "data": {"n": "0"}}).code == 201
    streams = [api.watch(f"{PATH}?watch=1&fieldSelector=metadata.name=counter", timeout=LIMIT) for api in apis]
    for stream in streams:
        assert json.loads(next(stream))["object"]["data"] == {"n": "0"}
    for value in (1, 2):
        with frozen(cut):
            change(majority, value)
            answer = ask(minority, "GET", "counter", timeout=1)
            assert answer is None or answer.code == 500
            (change if value == 1 else read)(everywhere, value)  # it turns to the others, with its watch
        read(minority, value)
    change(minority, 3)
    for api in apis:
        read(api, 3)
    for stream in streams:
        assert [json.loads(next(stream))["object"]["data"]["n"] for _ in range(3)] == ["1", "2", "3"]
        stream.close()
