"""A real apiserver that posts its audit events to a webhook."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from .conftest import Apiserver, Authority


class Receiver:
    """Takes event lists from whoever shows the token, the first time with 503."""

    def __init__(self, authority: Authority) -> None:
        self.posts: list[dict[str, Any]] = []
        self.refused = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                assert self.headers["authorization"] == "Bearer audit-token"
                assert self.path == "/events?cluster=one"
                if receiver.refused:
                    receiver.posts.append(body)
                else:
                    receiver.refused = 1
                self.send_response(200 if receiver.posts else 503)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.issue("audit", "audit", server=True))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self._thread.start()

    def events(self, agent: str) -> list[dict[str, Any]]:
        """The events that have come of requests under this agent."""
        return [event for post in list(self.posts) for event in post["items"] if event.get("userAgent") == agent]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


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
    config = write_config(tmp_path, authority, receiver.server.server_address[1])
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
