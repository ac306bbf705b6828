"""The protobuf encoding as clients meet it: what kubectl of several versions does with it, and what is answered in it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from kubern.api.codec import PROTOBUF, protobuf
from kubern.api.codec.protobuf_wire import fields

Run = Callable[..., str]


@pytest.fixture
def kubectl(api: Any, namespace: str, kubectl_minor: str) -> Run:
    def run(*arguments: str, stdin: str = "") -> str:
        done = api.kubectl("-n", namespace, *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    return run


CREATED = {
    "serviceaccount": (["serviceaccount", "x"], {}),
    "configmap": (["configmap", "x", "--from-literal=a=b"], {"data": {"a": "b"}}),
    "secret": (["secret", "generic", "x", "--from-literal=a=b"], {"data": {"a": "Yg=="}, "type": "Opaque"}),
    "job": (["job", "x", "--image=busybox", "--", "true"], {}),
    "service": (["service", "clusterip", "x", "--tcp=80:8080"], {}),
    "role": (
        ["role", "x", "--verb=get", "--resource=pods"],
        {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
    ),
    "quota": (["quota", "x", "--hard=pods=5"], {"spec": {"hard": {"pods": "5"}}}),
    "ingress": (["ingress", "x", "--rule=a.example/x*=web:80"], {}),
}


@pytest.mark.parametrize(("kind", "arguments", "part"), [(k, *v) for k, v in CREATED.items()], ids=CREATED)
def test_kubectl_creates(kubectl: Run, kind: str, arguments: list[str], part: dict[str, Any]) -> None:
    assert kubectl("create", *arguments).endswith("/x created\n")
    got = json.loads(kubectl("get", kind, "x", "-o", "json"))
    assert got | part == got


def test_kubectl_creates_a_namespace(api: Any, kubectl: Run, namespace: str) -> None:
    name = f"{namespace}-more"
    try:
        assert kubectl("create", "namespace", name) == f"namespace/{name} created\n"
    finally:
        api("DELETE", f"/api/v1/namespaces/{name}")


def test_kubectl_creates_scales_and_autoscales_a_deployment(kubectl: Run) -> None:
    assert kubectl("create", "deployment", "web", "--image=nginx", "--replicas=2") == "deployment.apps/web created\n"
    assert kubectl("scale", "deployment/web", "--replicas=0") == "deployment.apps/web scaled\n"
    assert kubectl("scale", "deployment/web", "--current-replicas=0", "--replicas=3") == "deployment.apps/web scaled\n"
    assert "autoscaled" in kubectl("autoscale", "deployment", "web", "--min=1", "--max=4", "--cpu-percent=50")
    web = json.loads(kubectl("get", "deployment", "web", "-o", "json"))
    assert (web["spec"]["replicas"], web["spec"]["strategy"]["type"]) == (3, "RollingUpdate")
    scaler = json.loads(kubectl("get", "hpa", "web", "-o", "json"))
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (1, 4)
    assert "Replicas:" in kubectl("describe", "deployment", "web")


def test_kubectl_gets_a_token(kubectl: Run) -> None:
    assert kubectl("create", "token", "default", "--duration=15m").count(".") == 2


def test_kubectl_asks_what_it_may(kubectl: Run) -> None:
    assert kubectl("auth", "can-i", "create", "pods") == "yes\n"
    assert "system:masters" in kubectl("auth", "whoami")


def test_kubectl_drains_a_node(api: Any, kubectl: Run, namespace: str) -> None:
    node = f"node-{namespace}"
    assert api("POST", "/api/v1/nodes", {"metadata": {"name": node}}).code == 201
    pod = {"metadata": {"name": "web"}, "spec": {"nodeName": node, "containers": [{"name": "c", "image": "nginx"}]}}
    pods = f"/api/v1/namespaces/{namespace}/pods"
    try:
        assert api("POST", pods, pod).code == 201
        assert "cordoned" in kubectl("cordon", node)
        # nothing confirms the deletion here, so that it must be asked to end at once
        drained = kubectl("drain", node, "--force", "--grace-period=0", "--timeout=20s")
        assert f"evicting pod {namespace}/web" in drained
        assert drained.endswith("drained\n")
        assert api("GET", f"{pods}/web").code == 404
    finally:
        api("DELETE", f"/api/v1/nodes/{node}")


def test_kubectl_watches_events(api: Any, namespace: str, kubectl_minor: str) -> None:
    reference = {"kind": "Pod", "name": "x", "namespace": namespace}
    event = {
        "metadata": {"name": "e"},
        "involvedObject": reference,
        "reason": "R",
        "message": "hello",
        "type": "Normal",
    }
    assert api("POST", f"/api/v1/namespaces/{namespace}/events", event).code == 201
    program = api.binary
    command = [program, f"--kubeconfig={api.kubeconfig}", "-n", namespace, "events", "--watch"]
    environment = {**os.environ, "HOME": str(api.kubeconfig.parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        try:
            printed, deadline = b"", time.monotonic() + 20
            while (
                b"hello" not in printed
                and select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))[0]
            ):
                part = os.read(process.stdout.fileno(), 4096)
                assert part, "kubectl ended"
                printed += part
        finally:
            process.kill()
    assert b"hello" in printed


class Raw:
    """Sends requests and returns answers as bytes."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def __call__(
        self, method: str, path: str, body: bytes | None = None, accept: str = PROTOBUF
    ) -> tuple[int, str, bytes]:
        request = urllib.request.Request(
            self._api.url + path, body, {"accept": accept, "content-type": PROTOBUF}, method=method
        )
        try:
            with urllib.request.urlopen(request, context=self._api.tls, timeout=20) as reply:
                return reply.status, reply.headers["content-type"], reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["content-type"], error.read()


@pytest.fixture
def raw(api: Any) -> Raw:
    return Raw(api)


CONFIG = {
    "kind": "ConfigMap",
    "apiVersion": "v1",
    "metadata": {"name": "one", "labels": {"a": "b"}},
    "data": {"k": "v"},
}


@pytest.fixture
def path(raw: Raw, namespace: str) -> str:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    code, media, body = raw("POST", path, protobuf().encode(CONFIG))
    assert (code, media) == (201, PROTOBUF)
    assert protobuf().decode(body)["data"] == {"k": "v"}
    return path


def test_an_object_and_a_list_are_the_same_as_in_json(api: Any, raw: Raw, path: str) -> None:
    for where in (f"{path}/one", path):
        code, media, body = raw("GET", where)
        assert (code, media) == (200, PROTOBUF)
        assert protobuf().decode(body) == api("GET", where).body


def test_metadata_alone(api: Any, raw: Raw, path: str) -> None:
    accept = f"{PROTOBUF};as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
    _, media, body = raw("GET", f"{path}/one", accept=accept)
    assert media == PROTOBUF
    partial = protobuf().decode(body)
    assert partial["kind"] == "PartialObjectMetadata"
    assert partial["metadata"] == api("GET", f"{path}/one").body["metadata"]
    assert "data" not in partial


def test_an_older_version_than_the_stored_one(api: Any, raw: Raw, namespace: str) -> None:
    core, newer = (f"/{prefix}/namespaces/{namespace}/events" for prefix in ("api/v1", "apis/events.k8s.io/v1"))
    reference = {"kind": "Pod", "name": "x", "namespace": namespace}
    made = api("POST", core, {"metadata": {"name": "e"}, "involvedObject": reference, "reason": "R", "message": "m"})
    assert made.code == 201, made.body
    for where in (core, newer, f"{core}/e", f"{newer}/e"):
        code, _, body = raw("GET", where)
        got = protobuf().decode(body)
        assert (code, got["apiVersion"]) == (200, api("GET", where).body["apiVersion"])
        assert (got.get("items") or [got])[0]["metadata"]["name"] == "e"


def test_a_refusal_is_in_protobuf_too(raw: Raw, path: str) -> None:
    code, media, body = raw("GET", f"{path}/none", accept=f"{PROTOBUF},application/json")
    status = protobuf().decode(body)
    assert (code, media, status["code"]) == (404, PROTOBUF, 404)
    assert (status["reason"], status["details"]) == ("NotFound", {"name": "none", "kind": "configmaps"})


def test_a_malformed_body_is_refused(raw: Raw, path: str) -> None:
    code, media, body = raw("POST", path, b"k8s\x00\x0a\x40x")
    assert (code, media) == (400, PROTOBUF)
    assert "unexpected EOF" in protobuf().decode(body)["message"]


def test_a_deletion_with_options(raw: Raw, path: str) -> None:
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "another"}}
    assert raw("DELETE", f"{path}/one", protobuf().encode(options))[0] == 409
    code, _, body = raw("DELETE", f"{path}/one", protobuf().encode({"kind": "DeleteOptions", "apiVersion": "v1"}))
    assert (code, protobuf().decode(body)["status"]) == (200, "Success")


def frame(stream: Any) -> tuple[str, dict[str, Any]]:
    event: dict[int, Any] = dict(fields(stream.read(int.from_bytes(stream.read(4), "big"))))
    body: dict[int, Any] = dict(fields(event[2]))
    return event[1].decode(), protobuf().decode(body[1])


def test_a_watch(api: Any, path: str) -> None:
    headers = {"accept": f"{PROTOBUF};stream=watch,{PROTOBUF}"}
    with contextlib.closing(api.watch(f"{path}?watch=1", headers=headers)) as stream:
        assert stream.headers["content-type"] == f"{PROTOBUF};stream=watch"
        assert frame(stream) == ("ADDED", api("GET", f"{path}/one").body)
        api("POST", path, {"metadata": {"name": "two"}})
        kind, obj = frame(stream)
        assert (kind, obj["kind"], obj["metadata"]["name"]) == ("ADDED", "ConfigMap", "two")
        api("DELETE", f"{path}/two")
        assert frame(stream)[0] == "DELETED"


def test_a_watch_says_when_the_initial_events_end(api: Any, path: str) -> None:
    query = "watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    with contextlib.closing(api.watch(f"{path}?{query}", headers={"accept": PROTOBUF})) as stream:
        assert frame(stream)[0] == "ADDED"
        kind, obj = frame(stream)
    assert (kind, obj["metadata"]["annotations"]) == ("BOOKMARK", {"k8s.io/initial-events-end": "true"})


def test_a_table_is_never_in_protobuf(raw: Raw, path: str) -> None:
    table = "as=Table;g=meta.k8s.io;v=v1"
    _, media, body = raw("GET", path, accept=f"{PROTOBUF};{table},application/json;{table}")
    assert (media, json.loads(body)["kind"]) == ("application/json", "Table")
    assert raw("GET", path, accept=f"{PROTOBUF};{table}")[0] == 406


CUSTOM = "/apis/apiregistration.k8s.io/v1/apiservices"


def test_a_kind_without_the_encoding_is_answered_in_json_or_not_at_all(raw: Raw) -> None:
    code, media, _ = raw("GET", CUSTOM, accept=f"{PROTOBUF},application/json")
    assert (code, media) == (200, "application/json")
    code, _, body = raw("GET", CUSTOM)
    assert code == 406
    accepted = "application/json, application/yaml"
    assert protobuf().decode(body)["message"] == f"only the following media types are accepted: {accepted}"
    code, _, body = raw("POST", CUSTOM, protobuf().encode(CONFIG), accept="application/json")
    assert code == 415
    assert json.loads(body)["message"].endswith(f"accepted media types include: {accepted}")


def test_an_answer_that_cannot_be_read_is_refused_before_anything_is_written(api: Any, raw: Raw, path: str) -> None:
    other = CONFIG | {"metadata": {"name": "two"}}
    assert raw("POST", path, protobuf().encode(other), accept="text/html")[0] == 406
    assert api("GET", f"{path}/two").code == 404
