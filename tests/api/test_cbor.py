"""CBOR through a real apiserver, where its feature gate is on; refused where it is not."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import cbor2
import pytest

from tests.api.conftest import Api, Apiserver

CBOR = "application/cbor"
PATH = "/api/v1/namespaces/default/configmaps"


def ask(
    api: Api, method: str, path: str, body: Any = None, kind: str = CBOR, accept: str = CBOR
) -> tuple[int, str, Any]:
    """Return code, content type and the decoded body."""
    data = None if body is None else cbor2.dumps(body)
    request = urllib.request.Request(api.url + path, data, {"content-type": kind, "accept": accept}, method=method)
    try:
        with urllib.request.urlopen(request, context=api.tls, timeout=20) as reply:
            return reply.status, reply.headers["content-type"], cbor2.loads(reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["content-type"], error.read()


@pytest.fixture
def speaking(own_apiserver: Callable[..., Apiserver]) -> Api:
    return own_apiserver("--feature-gates=CBORServingAndStorage=true").start()


def test_objects_lists_tables_patches_and_errors(speaking: Api) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}
    code, kind, made = ask(speaking, "POST", PATH, body)
    assert (code, kind, made["data"]) == (201, CBOR, {"k": "v"})
    assert speaking("GET", f"{PATH}/a").body["data"] == {"k": "v"}
    assert [item["metadata"]["name"] for item in ask(speaking, "GET", PATH)[2]["items"]] == ["a"]
    table = ask(speaking, "GET", PATH, accept=f"{CBOR};as=Table;g=meta.k8s.io;v=v1")[2]
    assert table["kind"] == "Table"
    config = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "w"}}
    applied = ask(speaking, "PATCH", f"{PATH}/a?fieldManager=x&force=true", config, "application/apply-patch+cbor")
    assert (applied[0], applied[2]["data"]) == (200, {"k": "w"})
    code, kind, status = ask(speaking, "GET", f"{PATH}/none")
    assert (code, kind, cbor2.loads(status)["reason"]) == (404, CBOR, "NotFound")
    broken = urllib.request.Request(speaking.url + PATH, b"\xff", {"content-type": CBOR}, method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(broken, context=speaking.tls, timeout=20)
    assert refused.value.code == 400
    refused.value.close()


def test_watches_are_sequences(speaking: Api) -> None:
    for name in ("a", "b"):
        speaking("POST", PATH, {"metadata": {"name": name}})
    request = urllib.request.Request(
        f"{speaking.url}{PATH}?watch=1&timeoutSeconds=1", headers={"accept": "application/cbor-seq"}
    )
    with urllib.request.urlopen(request, context=speaking.tls, timeout=20) as reply:
        assert reply.headers["content-type"] == "application/cbor-seq"
        events = []
        body = reply.read()
    decoder = cbor2.CBORDecoder(io.BytesIO(body))
    while len(events) < 2:
        events.append(decoder.decode())
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [
        ("ADDED", "a"),
        ("ADDED", "b"),
    ]


def test_without_the_gate_it_is_refused(api: Api) -> None:
    assert ask(api, "POST", PATH, {"metadata": {"name": "a"}})[0] == 415
    assert ask(api, "GET", PATH)[0] == 406
