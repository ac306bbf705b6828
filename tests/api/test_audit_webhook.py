"""A real apiserver that posts its audit events to a webhook."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Apiserver, Authority
from .json_server import JsonServer


class Receiver:
    """Takes event lists from whoever shows the token, the first time with 503."""

    def __init__(self, authority: Authority) -> None:
        self.posts: list[dict[str, Any]] = []
        self.refused = 0
        self._server = JsonServer(authority, "audit", self._reply)
        self.port, self.close = self._server.port, self._server.close

    def _reply(self, path: str, headers: dict[str, str], posted: dict[str, Any]) -> tuple[int, None]:
        assert headers["authorization"] == "Bearer audit-token"
        assert path == "/events?cluster=one"
        if not self.refused:
            self.refused = 1
            return 503, None
        self.posts.append(posted)
        return 200, None

    def events(self, agent: str) -> list[dict[str, Any]]:
        """The events that have come of requests under this agent."""
        return [event for post in list(self.posts) for event in post["items"] if event.get("userAgent") == agent]


@pytest.fixture
def receiver(authority: Authority) -> Iterator[Receiver]:
    made = Receiver(authority)
    yield made
    made.close()


def write_config(directory: Path, authority: Authority, port: int) -> Path:
    bundle = base64.b64encode(authority.file.read_bytes()).decode()
    (directory / "token").write_text("audit-token\n")
    file = directory / "webhook.json"
    file.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "r", "cluster": {
            "server": f"https://127.0.0.1:{port}/events?cluster=one", "certificate-authority-data": bundle,
        }}],
        "users": [{"name": "u", "user": {"tokenFile": "token"}}],
        "contexts": [{"name": "c", "context": {"cluster": "r", "user": "u"}}],
    }))  # fmt: skip
    return file


def test_events_are_posted_again_until_they_are_taken(
    own_apiserver: Callable[..., Apiserver], authority: Authority, receiver: Receiver, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n")
    config = write_config(tmp_path, authority, receiver.port)
    server = own_apiserver(
        f"--audit-policy-file={policy}", f"--audit-webhook-config-file={config}", "--audit-webhook-batch-max-wait=100ms",
        "--audit-webhook-initial-backoff=100ms",
    )  # fmt: skip
    api = server.start()
    secret = {"metadata": {"name": "s"}, "stringData": {"word": "not-to-be-told"}}
    made = api("POST", "/api/v1/namespaces/default/secrets", secret, headers={"user-agent": "test"})
    assert made.code == 201
    deadline = time.monotonic() + 20
    while len(receiver.events("test")) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert receiver.refused == 1
    assert {(post["kind"], post["apiVersion"]) for post in receiver.posts} == {("EventList", "audit.k8s.io/v1")}
    events = receiver.events("test")
    assert [event["stage"] for event in events] == ["RequestReceived", "ResponseComplete"]
    assert {event["auditID"] for event in events} == {made.headers["audit-id"]}
    assert "not-to-be-told" not in json.dumps(receiver.posts)
    metrics = api("GET", "/metrics").body
    assert 'apiserver_audit_level_total{level="Metadata"}' in metrics
    assert 'apiserver_audit_error_total{plugin="webhook"} 0' in metrics
