"""Two apiservers on one etcd of three members: what one writes the other shows, whoever is killed nothing answered is lost."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubern.base.clock import SystemClock
from kubern.store.etcd.store import EtcdStore
from tests.api.conftest import Api, Apiserver
from tests.consistency import OK, REFUSED, UNKNOWN, Read, Write, faults, watch_faults
from tests.etcd import Etcd

PATH = "/api/v1/namespaces/default/configmaps"
COUNTERS = ("red", "green")
SECONDS = 8.0
LOST = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, OSError)


@pytest.fixture
def pair(three: Etcd, own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> list[Apiserver]:
    """Two apiservers on the cluster, not started."""
    made = []
    for number in range(2):
        made.append(own_apiserver(f"--etcd-servers={','.join(three.urls)}", directory=tmp_path / str(number)))
    return made


def counter(name: str, value: int, revision: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name} | ({"resourceVersion": revision} if revision else {}), "data": {"n": str(value)}}


def test_what_is_written_through_one_is_seen_through_the_other(pair: list[Apiserver]) -> None:
    one, other = (apiserver.start() for apiserver in pair)
    stream = other.watch(f"{PATH}?watch=1&fieldSelector=metadata.name=seen")
    for number in range(20):
        assert one("POST", PATH, counter(f"c{number}", number)).code == 201
        assert other("GET", f"{PATH}/c{number}").code == 200  # at once: a read of the present asks the store
        assert other("DELETE", f"{PATH}/c{number}").code == 200
        assert one("GET", f"{PATH}/c{number}").code == 404
    made = other("POST", "/api/v1/namespaces", {"metadata": {"name": "fresh"}})
    assert made.code == 201
    assert one("POST", "/api/v1/namespaces/fresh/configmaps", counter("x", 1)).code == 201
    assert one("POST", PATH, counter("seen", 1)).code == 201
    event = json.loads(next(stream))
    stream.close()
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "seen")
    pair[0].kill()
    kept = other("GET", PATH).body["items"]
    assert [item["metadata"]["name"] for item in kept if item["metadata"]["name"] == "seen"] == ["seen"]


class History:
    """What clients asked and were told, and what watches showed."""

    def __init__(self) -> None:
        self.writes: dict[str, list[Write]] = {name: [] for name in COUNTERS}
        self.reads: dict[str, list[Read]] = {name: [] for name in COUNTERS}
        self.shown: list[dict[str, list[int]]] = []
        self.stop = threading.Event()
        self.final: dict[str, int] = {}

    def count(self, api: Api, name: str) -> None:
        """Read the counter and raise it by one, over and over."""
        while not self.stop.is_set():
            begun = time.monotonic()
            try:
                answer = api("GET", f"{PATH}/{name}", timeout=5)
            except LOST:
                continue
            if answer.code != 200:
                continue
            value = int(answer.body["data"]["n"])
            self.reads[name].append(Read(begun, time.monotonic(), value))
            self._raise(api, name, value + 1, answer.body["metadata"]["resourceVersion"])

    def _raise(self, api: Api, name: str, value: int, revision: str) -> None:
        begun, outcome, new = time.monotonic(), UNKNOWN, 0
        with contextlib.suppress(*LOST):
            answer = api("PUT", f"{PATH}/{name}", counter(name, value, revision), timeout=5)
            if answer.code == 200:
                outcome, new = OK, int(answer.body["metadata"]["resourceVersion"])
            elif answer.code == 409:
                outcome = REFUSED
        self.writes[name].append(Write(begun, time.monotonic(), value, outcome, new))

    def follow(self, api: Api, revision: str) -> None:
        """Watch from a revision on, and go on after every break where it was, until everything has been seen."""
        shown: dict[str, list[int]] = {name: [] for name in COUNTERS}
        self.shown.append(shown)
        deadline = time.monotonic() + SECONDS * 5
        while time.monotonic() < deadline and not self._complete(shown):
            with contextlib.suppress(*LOST):
                stream = api.watch(f"{PATH}?watch=1&resourceVersion={revision}&timeoutSeconds=2", timeout=5)
                with contextlib.closing(stream):
                    for line in stream:
                        event = json.loads(line)
                        name = event["object"]["metadata"].get("name")
                        if event["type"] == "MODIFIED" and name in shown:
                            shown[name].append(int(event["object"]["data"]["n"]))
                            revision = event["object"]["metadata"]["resourceVersion"]

    def _complete(self, shown: dict[str, list[int]]) -> bool:
        return bool(self.final) and all(shown[name] and shown[name][-1] >= self.final[name] for name in COUNTERS)


def test_compare_and_swap_is_linearizable_and_watches_are_whole_under_kills(pair: list[Apiserver], three: Etcd) -> None:
    apis = [apiserver.start() for apiserver in pair]
    for apiserver, api in zip(pair, apis, strict=True):
        apiserver.port = int(api.url.rpartition(":")[2])  # started again, it is where its clients look for it
    for name in COUNTERS:
        assert apis[0]("POST", PATH, counter(name, 0)).code == 201
    revision = apis[0]("GET", PATH).body["metadata"]["resourceVersion"]
    history = History()
    tasks = [threading.Thread(target=history.count, args=(api, name)) for api in apis for name in COUNTERS]
    tasks += [threading.Thread(target=history.follow, args=(api, revision)) for api in apis]
    for task in tasks:
        task.start()
    try:
        _disturb(pair, three, history)
    finally:
        history.stop.set()
        for task in tasks[: len(apis) * len(COUNTERS)]:
            task.join(30)
        for name in COUNTERS:
            history.final[name] = int(apis[0]("GET", f"{PATH}/{name}").body["data"]["n"])
        for task in tasks:
            task.join(60)
    for name in COUNTERS:
        assert faults(history.writes[name], history.reads[name]) == []
        assert len([write for write in history.writes[name] if write.outcome == OK]) >= 20
        for shown in history.shown:
            assert watch_faults(shown[name], history.final[name]) == []


def _disturb(pair: list[Apiserver], three: Etcd, history: History) -> None:
    """Kill an apiserver and etcd members one after the other, each under load, and start them again."""
    for step in range(3):
        _until_written(history, 20 * (step + 1))
        member = three.members[step]
        member.kill()
        _until_written(history, 20 * (step + 1) + 10)
        if step == 1:
            pair[1].kill()
            pair[1].start()
        three.start(member)
    _until_written(history, 80)


def _until_written(history: History, count: int) -> None:
    """Wait until so many writes of all counters together were answered."""
    deadline = time.monotonic() + SECONDS * 3
    while sum(write.outcome == OK for writes in history.writes.values() for write in writes) < count:
        assert time.monotonic() < deadline, "nothing is written any more"
        time.sleep(0.02)


async def _write_elsewhere(urls: list[str]) -> None:
    store = await EtcdStore.open(urls, clock=SystemClock(), prefix=b"/somebody-else/", compact_every=0.0)
    await store.txn(b"key", b"value")
    await store.close()


def test_what_others_write_into_the_same_etcd_holds_nobody_up(pair: list[Apiserver], three: Etcd) -> None:
    api = pair[0].start()
    for number in range(3):
        asyncio.run(_write_elsewhere(three.urls))
        assert api("POST", PATH, counter(f"f{number}", number)).code == 201
        asyncio.run(_write_elsewhere(three.urls))
        found = api("GET", PATH).body["items"]
        assert [item["metadata"]["name"] for item in found if item["metadata"]["name"].startswith("f")] == [
            f"f{each}" for each in range(number + 1)
        ]
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    made = api(
        "POST",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        {"metadata": {"name": "widgets.example.com"}, "spec": spec},
    )
    assert made.code == 201
    asyncio.run(_write_elsewhere(three.urls))
    deadline = time.monotonic() + SECONDS
    while api("GET", "/apis/example.com/v1/namespaces/default/widgets").code != 200:
        assert time.monotonic() < deadline, "the custom resource is not served"
        asyncio.run(_write_elsewhere(three.urls))


def test_a_member_without_a_leader_is_left_and_no_stale_answer_is_given(pair: list[Apiserver], three: Etcd) -> None:
    """The others of three members are gone: what is left answers nothing that could be old, and goes on when they are back."""
    api = pair[0].start()
    assert api("POST", PATH, counter("kept", 1)).code == 201
    stream = api.watch(f"{PATH}?watch=1&fieldSelector=metadata.name=after")
    for member in three.members[1:]:
        member.kill()
    try:
        assert api("GET", f"{PATH}/kept").code == 500
    finally:
        for member in three.members[1:]:
            three.start(member)
    deadline = time.monotonic() + SECONDS * 3
    while api("GET", f"{PATH}/kept").code != 200:
        assert time.monotonic() < deadline, "the apiserver does not come back"
    assert api("POST", PATH, counter("after", 1)).code == 201
    event = json.loads(next(stream))
    stream.close()
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "after")
