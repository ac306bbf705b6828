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

    def create(self) -> int:
        body = json.dumps({"metadata": {"generateName": "a-"}, "data": {"a": "b" * 2000}})
        self._connection.request("POST", "/api/v1/namespaces/default/configmaps", body, self._headers)
        reply = self._connection.getresponse()
        reply.read()
        return reply.status

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
