"""Webhooks that are out for harm: each call ends in its time with upstream's failure policy, and little of what they send is kept."""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.api.conftest import Answer, Api, Apiserver, Authority

Obj = dict[str, Any]
REGISTRATION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
PATH = "/api/v1/namespaces/default/configmaps"
SECONDS, ENOUGH = 2, 10
"""How long the server waits for a webhook that is silent, and for one that has an answer, however busy the machine is."""
ROOM = 300_000_000
"""Bytes that the server may take more at the most, while all are asked at once, twice: some answers are 16 MiB before they are too long."""
Connection = ssl.SSLSocket


class Request(NamedTuple):
    """What a webhook is asked, and the way to answer."""

    connection: Connection
    stopped: threading.Event
    uid: str

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def for_ever(self, data: bytes, every: float = 0.0) -> None:
        """Send the same over and over, until nobody listens any more."""
        while not self.stopped.wait(every) if every else not self.stopped.is_set():
            self.send(data)

    def answer(self, body: bytes, status: str = "200 OK", headers: str = "") -> None:
        self.send(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)

    def review(self, **response: Any) -> None:
        """Answer with a review of another shape than it should have."""
        whole = {"uid": self.uid, "allowed": True, **response}
        self.answer(
            json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": whole}).encode()
        )

    def patch(self, document: bytes) -> None:
        """Answer with a patch."""
        self.review(patchType="JSONPatch", patch=base64.b64encode(document).decode())


HEAD = b"HTTP/1.1 200 OK\r\n"
LONG, DEEP = "context deadline exceeded", 100_000
ENDLESS = f"too large|larger than 16777216 bytes|{LONG}"


class Case(NamedTuple):
    """One kind of harm; `said`: an expression for upstream's failure, None when the answer can be used."""

    name: str
    act: Callable[[Request], None]
    said: str | None = LONG


CASES = [
    Case("nothing", lambda request: request.stopped.wait() and None),
    Case("byte-by-byte", lambda request: (request.send(HEAD + b"Content-Length: 9999\r\n\r\n"), request.for_ever(b"1", 0.05))[0]),
    Case("head-byte-by-byte", lambda request: (request.send(HEAD), request.for_ever(b"x", 0.05))[0]),
    Case(
        "endless-body",
        lambda request: (
            request.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
            request.for_ever(b"10000\r\n" + b"1" * 65536 + b"\r\n"),
        )[0],
        ENDLESS,
    ),
    Case("endless-headers", lambda request: (request.send(HEAD), request.for_ever(b"X-More: %s\r\n" % (b"y" * 8000)))[0], ENDLESS),
    Case("endless-header", lambda request: (request.send(HEAD + b"X-Long: "), request.for_ever(b"y" * 65536))[0], ENDLESS),
    Case("endless-continue", lambda request: request.for_ever(b"HTTP/1.1 100 Continue\r\n\r\n" * 500), ENDLESS),
    Case(
        "endless-trailers",
        lambda request: (
            request.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n"),
            request.for_ever(b"X-More: %s\r\n" % (b"y" * 8000)),
        )[0],
        ENDLESS,
    ),
    Case("not-http", lambda request: request.send(b"SSH-2.0-hello\r\n"), "not an HTTP answer|ended in the middle|EOF"),
    Case("cut", lambda request: request.send(HEAD + b"Content-Length: 9999\r\n\r\n{"), "ended in the middle"),
    Case("depth", lambda request: request.answer(b'{"a":' * DEEP + b"1" + b"}" * DEEP), "json parse error"),
    Case("depth-patch", lambda request: request.patch(b"[" * DEEP + b"]" * DEEP), "patch"),
    Case(
        "deep-value",
        lambda request: request.patch(b'[{"op":"add","path":"/data","value":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}]"),
        "",
    ),
    Case("redirect", lambda request: request.answer(b"", "307 Temporary Redirect", "Location: /elsewhere\r\n"), "status code 307"),
    Case("uid", lambda request: request.review(uid="0-0"), 'expected response.uid="[0-9a-f-]+", got "0-0"'),
    Case("uid-type", lambda request: request.review(uid=[1]), "response.uid of type types.UID"),
    Case("response-list", lambda request: request.answer(b'{"response":[]}'), "of type v1.AdmissionResponse"),
    Case("warnings-type", lambda request: request.review(warnings=5), "response.warnings of type \\[]string"),
    Case("annotations-type", lambda request: request.review(auditAnnotations=[1]), "of type map\\[string]string"),
    Case("patch-type", lambda request: request.review(patchType="JSONPatch", patch={"a": 1}), "of type \\[]uint8"),
    Case("header-in-warning", lambda request: request.review(warnings=["a\r\nX-Evil: 1", "b" * 100_000]), None),
]  # fmt: skip


class Villain:
    """An HTTPS server that does to each path what its case says."""

    def __init__(self, authority: Authority) -> None:
        self.asked: list[str] = []
        self.stopped = threading.Event()
        self.bundle = base64.b64encode(authority.file.read_bytes()).decode()
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(*authority.issue("villain", "villain", server=True))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            connection.settimeout(30)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with self._tls.wrap_socket(plain, server_side=True) as connection:
                head, body = b"", b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65536)
                head, _, body = head.partition(b"\r\n\r\n")
                found = re.search(rb"(?i)content-length: (\d+)", head)
                while found and len(body) < int(found[1]):
                    body += connection.recv(65536)
                name = head.split(b"?")[0].split(b"/")[1].decode()
                self.asked.append(name)
                act = next(case.act for case in CASES if case.name == name)
                act(Request(connection, self.stopped, json.loads(body)["request"]["uid"]))
        except OSError:
            pass  # the server has heard enough

    def close(self) -> None:
        self.stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def villain(authority: Authority) -> Iterator[Villain]:
    made = Villain(authority)
    yield made
    made.close()


def configure(api: Api, villain: Villain, case: Case, policy: str) -> None:
    key = f"{case.name}-{policy}".lower()
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    webhook = {
        "name": f"{key}.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "rules": [rule],
        "objectSelector": {"matchLabels": {"case": key}}, "failurePolicy": policy,
        "timeoutSeconds": SECONDS if case.said == LONG else ENOUGH,
        "clientConfig": {"url": f"https://127.0.0.1:{villain.port}/{case.name}", "caBundle": villain.bundle},
    }  # fmt: skip
    made = api("POST", REGISTRATION, {"metadata": {"name": key}, "webhooks": [webhook]})
    assert made.code == 201, made.body


def most(pid: int) -> int:
    """Return the most resident bytes that a process has had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


def test_no_webhook_harms_the_server(own_apiserver: Callable[..., Apiserver], villain: Villain) -> None:
    apiserver = own_apiserver()
    api = apiserver.start()
    assert apiserver.process is not None
    asked = [(case, policy) for case in CASES for policy in ("Fail", "Ignore")]
    for case, policy in asked:
        configure(api, villain, case, policy)
    before = most(apiserver.process.pid)

    def create(case: Case, policy: str) -> Answer:
        key = f"{case.name}-{policy}".lower()
        return api("POST", PATH, {"metadata": {"name": key, "labels": {"case": key}}})

    with ThreadPoolExecutor(len(asked)) as pool:
        answers = list(pool.map(lambda one: create(*one), asked))
    for (case, policy), answer in zip(asked, answers, strict=True):
        told = (case.name, policy, answer)
        if (policy == "Ignore" and case.name != "deep-value") or case.said is None:
            assert answer.code == 201, told
        else:
            assert answer.code == 500, told
            assert answer.body["message"].startswith("Internal error occurred: "), told
            assert re.search(case.said or "", answer.body["message"]), told
        assert "x-evil" not in answer.headers
    assert sorted(set(villain.asked)) == sorted(case.name for case in CASES)
    assert most(apiserver.process.pid) - before < ROOM
    assert api("GET", "/readyz").code == 200
    assert "Traceback" not in apiserver.log.read_text()
