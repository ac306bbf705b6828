"""Priority and fairness of a real apiserver: one client's flood leaves the others their turn."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Api, Apiserver

LEVEL = "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/global-default"
CONNECTIONS = 24


class Client:
    """One connection of a user with a token."""

    def __init__(self, api: Api, token: str) -> None:
        tls = ssl.create_default_context(cafile=str(api.ca))
        host, _, port = api.url.removeprefix("https://").partition(":")
        self._connection = http.client.HTTPSConnection(host, int(port), timeout=20, context=tls)
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self.headers: dict[str, str] = {}

    def create(self) -> int:
        self.send()
        return self.receive()

    def send(self) -> None:
        body = json.dumps({"metadata": {"generateName": "a-"}, "data": {"a": "b" * 2000}})
        self._connection.request("POST", "/api/v1/namespaces/default/configmaps", body, self._headers)

    def receive(self) -> int:
        reply = self._connection.getresponse()
        reply.read()
        self.headers = {key.lower(): value for key, value in reply.getheaders()}
        return reply.status

    def open(self, path: str) -> int:
        """Send a GET and leave its answer's body unread."""
        self._connection.request("GET", path, headers=self._headers)
        return self._connection.getresponse().status

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def small(own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> Api:
    """An apiserver with two seats for everybody, and short queues."""
    tokens = tmp_path / "tokens.csv"
    tokens.write_text("noisy,noisy,1\nquiet,quiet,2\n")
    flags = ("--authorization-mode=AlwaysAllow", "--max-requests-inflight=4", "--max-mutating-requests-inflight=4")
    api = own_apiserver(f"--token-auth-file={tokens}", *flags).start()
    level = api("GET", LEVEL).body
    level["spec"]["limited"]["limitResponse"]["queuing"] = {"queues": 64, "handSize": 2, "queueLengthLimit": 4}
    assert api("PUT", LEVEL, level).code == 200
    return api


def test_a_noisy_client_does_not_starve_another(small: Api) -> None:
    noise: Counter[int] = Counter()
    stop = threading.Event()

    def flood() -> None:
        client = Client(small, "noisy")
        while not stop.is_set():
            noise[client.create()] += 1
        client.close()

    threads = [threading.Thread(target=flood) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    try:
        deadline = time.monotonic() + 20
        while not noise[429]:
            assert time.monotonic() < deadline, noise
        client = Client(small, "quiet")
        assert [client.create() for _ in range(30)] == [201] * 30
        client.close()
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert noise[201]
    assert set(noise) == {201, 429}
    metrics = small("GET", "/metrics").body
    assert 'priority_level="global-default",flow_schema="global-default",reason="queue-full"' in metrics


def test_the_default_objects_are_there(api: Api) -> None:
    schemas = api("GET", "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas").body["items"]
    levels = api("GET", "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations").body["items"]
    assert (len(schemas), len(levels)) == (13, 8)


def test_a_refusal_says_when_to_come_back(small: Api) -> None:
    answer = small("GET", LEVEL)
    level = answer.body
    level["spec"]["limited"] |= {"nominalConcurrencyShares": 0, "limitResponse": {"type": "Reject"}}
    level["spec"]["limited"] |= {"borrowingLimitPercent": 0}
    assert small("PUT", LEVEL, level).code == 200
    client = Client(small, "noisy")
    try:
        assert client.create() == 429
        assert client.headers["retry-after"] == "1"
    finally:
        client.close()


def test_open_watches_hold_no_seats(small: Api) -> None:
    path = "/api/v1/namespaces/default/configmaps?watch=true"
    watches = [Client(small, "noisy") for _ in range(8)]
    client = Client(small, "quiet")
    try:
        assert [watch.open(path) for watch in watches] == [200] * len(watches)
        assert [client.create() for _ in range(5)] == [201] * 5
        seats = 'apiserver_flowcontrol_current_executing_seats{priority_level="global-default"} 0'
        assert seats in small("GET", "/metrics").body
        assert (
            'longrunning_requests{verb="WATCH",group="",version="v1",resource="configmaps"'
            in small("GET", "/metrics").body
        )
    finally:
        client.close()
        for watch in watches:
            watch.close()


def test_many_connections_of_one_client_leave_room_under_the_default_seats(
    own_apiserver: Callable[..., Apiserver], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens.csv"
    tokens.write_text("noisy,noisy,1\nquiet,quiet,2\n")
    api = own_apiserver(f"--token-auth-file={tokens}", "--authorization-mode=AlwaysAllow").start()
    crowd = [Client(api, "noisy") for _ in range(120)]
    quiet = Client(api, "quiet")
    try:
        for _ in range(3):
            for client in crowd:
                client.send()
            assert quiet.create() == 201
            assert Counter(client.receive() for client in crowd) == {201: len(crowd)}
    finally:
        for client in (*crowd, quiet):
            client.close()


def test_a_schema_says_whether_its_level_exists(api: Api) -> None:
    schemas = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"
    rule = {
        "subjects": [{"kind": "User", "user": {"name": "nobody"}}],
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}],
    }
    spec = {"matchingPrecedence": 77, "priorityLevelConfiguration": {"name": "none-such"}, "rules": [rule]}
    assert api("POST", schemas, {"metadata": {"name": "loose"}, "spec": spec}).code == 201
    try:
        assert condition(api, f"{schemas}/loose", "True")["reason"] == "NotFound"
        assert condition(api, f"{schemas}/probes", "False")["reason"] == "Found"
    finally:
        api("DELETE", f"{schemas}/loose")


def condition(api: Api, path: str, status: str) -> dict[str, str]:
    """Return the condition `Dangling` as soon as it has this status."""
    deadline = time.monotonic() + 20
    while True:
        conditions = (api("GET", path).body.get("status") or {}).get("conditions") or []
        for found in conditions:
            if (found["type"], found["status"]) == ("Dangling", status):
                return dict(found)
        assert time.monotonic() < deadline, conditions
