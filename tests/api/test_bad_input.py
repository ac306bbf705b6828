"""What comes from outside and is wrong: each with upstream's code and words, and nothing stored is lost by it."""

from __future__ import annotations

import datetime
import json
import os
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest

JSON, YAML = "application/json", "application/yaml"
BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (c + 1, c + 1, b",".join([b"*%c" % c] * 9)) for c in range(97, 110)
)
MERGE, JSON_PATCH, STRATEGIC = (
    f"application/{kind}+json" for kind in ("merge-patch", "json-patch", "strategic-merge-patch")
)
UNRECOGNIZED = "the object provided is unrecognized (must be of type ConfigMap): "
CANNOT = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: '


def named(name: Any, **fields: Any) -> bytes:
    return json.dumps({"metadata": {"name": name}} | fields).encode()


BODIES = [
    ("json-cut-off", b'{"metadata": {', JSON, 400, UNRECOGNIZED + "couldn't get version/kind; json parse error: unexpected end"),
    ("json-trailing", b"{}x", JSON, 400, "invalid character 'x' after top-level value"),
    ("json-empty", b"", JSON, 400, "unexpected end of JSON input"),
    ("json-list", b"[]", JSON, 400, "json: cannot unmarshal array into Go value"),
    ("json-not-utf8", b"\xff\xfe", JSON, 400, "invalid character"),
    ("json-nested-deeply", b"[" * 100_000, JSON, 400, UNRECOGNIZED),
    ("yaml-unclosed", b"metadata: [a", YAML, 400, UNRECOGNIZED + "yaml: line 2: did not find expected ',' or ']'"),
    ("yaml-alias-bomb", BOMB, YAML, 400, "yaml: document contains excessive aliasing"),
    ("protobuf-cut-off", b"k8s\x00\xff\xff", "application/vnd.kubernetes.protobuf", 400, "unexpected EOF"),
    ("form", b"a=b", "application/x-www-form-urlencoded", 415, "the body of the request was in an unknown format"),
    ("ten-megabytes", named("a", data={"a": "x" * (10 << 20)}), JSON, 413, "Request entity too large: limit is 3145728"),
    ("unknown-kind", named("a", kind="Cat", apiVersion="v1"), JSON, 400, 'Cat in version "v1" cannot be handled as a ConfigMap'),
    ("other-version", named("a", kind="ConfigMap", apiVersion="v9"), JSON, 400, "the API version in the data (v9) does not match"),
    ("wrong-type", named("a", data=[1]), JSON, 400, CANNOT + "json: cannot unmarshal array into Go struct field ConfigMap.data"),
    ("wrong-type-of-name", named(5), JSON, 400, CANNOT + "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name"),
    ("illegal-name", named("A_b"), JSON, 422, 'metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of'),
    ("long-name", named("a" * 300), JSON, 422, "must be no more than 253 bytes"),
    ("path-as-name", named("../../etc"), JSON, 422, "metadata.name: Invalid value"),
    ("no-name", b'{"metadata":{}}', JSON, 422, "metadata.name: Required value: name or generateName is required"),
    ("illegal-label", b'{"metadata":{"name":"a","labels":{"x":"-y-"}}}', JSON, 422, 'metadata.labels: Invalid value: "-y-"'),
    ("other-namespace", b'{"metadata":{"name":"a","namespace":"b"}}', JSON, 400, "the namespace of the provided object does not match"),
    ("taken-name", named("kept"), JSON, 409, 'configmaps "kept" already exists'),
]  # fmt: skip

QUERIES = [
    ("labelSelector=a%20in%20(", 400, "unable to parse requirement"),
    ("fieldSelector=foo%3Dbar", 400, '"foo" is not a known field selector: only "metadata.name", "metadata.namespace"'),
    ("limit=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
    ("continue=zzz", 400, "continue key is not valid"),
    ("resourceVersion=abc", 400, "resourceVersion: Invalid value"),
    ("resourceVersion=99999999999999", 504, "Too large resource version: 99999999999999"),
    ("resourceVersionMatch=Exact", 422, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
    ("watch=1&resourceVersion=abc", 400, "resourceVersion: Invalid value"),
    ("watch=1&timeoutSeconds=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
]

CHANGES = [
    ("PUT", "kept", named("kept", metadata={"name": "kept", "resourceVersion": "1"}), JSON, 409,
     'Operation cannot be fulfilled on configmaps "kept": the object has been modified; please apply your changes to the latest version'),
    ("PUT", "kept", named("kept", metadata={"name": "kept", "uid": "0"}), JSON, 409, "Precondition failed: UID in precondition: 0"),
    ("PUT", "kept", named("other"), JSON, 400, "the name of the object (other) does not match the name on the URL (kept)"),
    ("PUT", "kept", named("kept", metadata={}), JSON, 400, "(kept based on URL) was undeterminable: name must be provided"),
    ("PUT", "none", named("none"), JSON, 404, 'configmaps "none" not found'),
    ("PATCH", "kept", b"{", MERGE, 400, "unexpected end of JSON input"),
    ("PATCH", "kept", b'{"data":{"a":5}}', MERGE, 422, "data"),
    ("PATCH", "kept", b'[{"op":"test","path":"/data/a","value":"2"}]', JSON_PATCH, 422, "the server rejected our request due to an error"),
    ("PATCH", "kept", b'[{"op":"remove","path":"/none"}]', JSON_PATCH, 422, "the server rejected our request due to an error"),
    ("PATCH", "kept", b'{"$patch":"foo"}', STRATEGIC, 422, "the server rejected our request due to an error"),
    ("PATCH", "kept", b"{}", "text/plain", 415, "accepted media types include: application/json-patch+json"),
    ("DELETE", "kept", b'{"preconditions":{"uid":"0"}}', JSON, 409, "the UID in the precondition (0) does not match the UID"),
    ("DELETE", "kept?propagationPolicy=Foo", b"", JSON, 422, 'propagationPolicy: Unsupported value: "Foo"'),
    ("POST", "kept", b"{}", JSON, 405, "the server does not allow this method on the requested resource"),
]  # fmt: skip


@pytest.fixture
def kept(api: Any, namespace: str) -> Any:
    """The path of a namespace's ConfigMaps with one that must be the same after the test."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = api("POST", path, {"metadata": {"name": "kept"}, "data": {"a": "1"}})
    assert made.code == 201, made.body
    yield path
    assert api("GET", f"{path}?labelSelector=!x").body["items"] == [
        {key: value for key, value in made.body.items() if key not in ("kind", "apiVersion")}
    ]


def refused(answer: Any, code: int, message: str) -> None:
    assert answer.code == code, answer.body
    assert message in answer.body["message"], answer.body
    assert answer.body["kind"] == "Status"
    assert answer.body["code"] == code


@pytest.mark.parametrize(
    ("body", "media", "code", "message"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES]
)
def test_a_bad_body_is_refused(api: Any, kept: str, body: bytes, media: str, code: int, message: str) -> None:
    refused(api("POST", kept, body, headers={"content-type": media}), code, message)


@pytest.mark.parametrize(("query", "code", "message"), QUERIES, ids=[row[0] for row in QUERIES])
def test_a_bad_query_is_refused(api: Any, kept: str, query: str, code: int, message: str) -> None:
    refused(api("GET", f"{kept}?{query}"), code, message)


@pytest.mark.parametrize(("method", "name", "body", "media", "code", "message"), CHANGES)
def test_a_bad_change_is_refused(
    api: Any, kept: str, method: str, name: str, body: bytes, media: str, code: int, message: str
) -> None:  # fmt: skip
    refused(api(method, f"{kept}/{name}", body, headers={"content-type": media}), code, message)


def test_unknown_fields_are_refused_warned_of_or_dropped(api: Any, kept: str) -> None:
    body = {"metadata": {"name": "b"}, "dta": {}}
    refused(api("POST", f"{kept}?fieldValidation=Strict", body), 400, 'strict decoding error: unknown field "dta"')
    warned = api("POST", f"{kept}?dryRun=All", body)
    assert (warned.code, warned.headers["warning"]) == (201, '299 - "unknown field \\"dta\\""')
    ignored = api("POST", f"{kept}?dryRun=All&fieldValidation=Ignore", body)
    assert (ignored.code, ignored.headers.get("warning")) == (201, None)
    assert "dta" not in ignored.body


def test_kubectl_says_what_is_wrong_with_a_file(api: Any, namespace: str) -> None:
    for text, said in (
        ("a: [", "error parsing STDIN: error converting YAML to JSON"),
        ("{apiVersion: v1, kind: Cat, metadata: {name: tom}}", 'no matches for kind "Cat" in version "v1"'),
        ("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, dta: {}}", 'unknown field "dta"'),
        ("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: []}}", "spec.containers: Required value"),
    ):
        done = api.kubectl("apply", "-n", namespace, "-f", "-", stdin=text)
        assert done.returncode == 1
        assert said in done.stderr


# --- credentials


def code_with(api: Any, certificate: tuple[Path, Path] | None = None, token: str = "") -> int:
    context = ssl.create_default_context(cafile=str(api.ca))
    if certificate:
        context.load_cert_chain(*certificate)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{api.url}/api/v1/namespaces", headers=headers)
    try:
        with urllib.request.urlopen(request, context=context, timeout=20) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(json.loads(error.read())["code"])


def test_a_certificate_of_another_ca_or_out_of_date_is_unauthorized(api: Any, authority: Any, tmp_path: Path) -> None:
    other = type(authority)(tmp_path)
    assert code_with(api, authority.issue("good", "jane", ("system:masters",))) == 200
    assert code_with(api, other.issue("bad", "jane", ("system:masters",))) == 401
    old = authority.issue("old", "jane", ("system:masters",), age=datetime.timedelta(days=3))
    assert code_with(api, old) == 401
    assert code_with(api) == 403  # system:anonymous


def test_kubectl_with_a_certificate_of_another_ca_is_told_to_log_in(api: Any, authority: Any, tmp_path: Path) -> None:
    certificate, key = type(authority)(tmp_path).issue("bad", "jane", ("system:masters",))
    done = api.kubectl("get", "pods", f"--client-certificate={certificate}", f"--client-key={key}")
    assert "You must be logged in to the server" in done.stderr


def test_an_expired_or_forged_token_is_unauthorized(api: Any, namespace: str, tmp_path: Path) -> None:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    token = api("POST", path, {"spec": {"expirationSeconds": 600}}).body["status"]["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    head = jwt.get_unverified_header(token)
    key = (api.kubeconfig.parent / "sa.key").read_text()

    def signed(**changed: float) -> str:
        return jwt.encode(claims | changed, key, head["alg"], headers={"kid": head["kid"]})

    now = time.time()
    assert code_with(api, token=signed(exp=now + 60)) == 403  # known, and without a role
    assert code_with(api, token=signed(iat=now - 900, nbf=now - 900, exp=now - 60)) == 401
    assert code_with(api, token=token[:-4] + "AAAA") == 401
    assert code_with(api, token="nonsense") == 401
    api("DELETE", f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
    assert code_with(api, token=token) == 401


# --- starting where it cannot be


def failed_start(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_a_busy_port_and_a_data_directory_in_use_are_said_in_one_line(own_apiserver: Any, tmp_path: Path) -> None:
    apiserver = own_apiserver()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = failed_start([*apiserver.command, f"--secure-port={port}"])
        assert said == f"kubern: cannot listen on 127.0.0.1:{port}: another program is using it"
    api = apiserver.start()
    said = failed_start([*apiserver.command, "--secure-port=0"])
    assert said.startswith(f"kubern: the store in {tmp_path} is in use by another process (pid {apiserver.process.pid}")
    assert api("GET", "/readyz").code == 200


# --- nothing stored is lost


def test_a_full_disk_refuses_writes_and_loses_none_that_was_answered(own_apiserver: Any, tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], check=True)
    try:
        apiserver = own_apiserver(directory=disk)
        api = apiserver.start()
        path = "/api/v1/namespaces/default/configmaps"
        stored, refusal = set(), None
        for number in range(60):
            answer = api("POST", path, {"metadata": {"name": f"c{number}"}, "data": {"a": "x" * 500_000}})
            if answer.code != 201:
                refusal = answer
                break
            stored.add(f"c{number}")
        assert refusal is not None
        refused(refusal, 500, "full")
        assert api("GET", f"{path}/c0").code == 200
        apiserver.kill()
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        api = apiserver.start()
        listed = {item["metadata"]["name"] for item in api("GET", path).body["items"]}
        assert stored <= listed
        assert api("POST", path, {"metadata": {"name": "after"}}).code == 201
        apiserver.stop()
    finally:
        apiserver.stop()
        subprocess.run(["umount", disk], check=True)


def test_killed_under_load_it_comes_back_with_every_write_that_it_answered(own_apiserver: Any) -> None:
    apiserver = own_apiserver()
    api = apiserver.start()
    path = "/api/v1/namespaces/default/configmaps"
    answered: list[str] = []

    def write(worker: int) -> None:
        for number in range(10_000):
            try:
                made = api("POST", path, {"metadata": {"name": f"w{worker}-{number}"}, "data": {"n": str(number)}})
            except OSError:
                return
            assert made.code == 201, made.body
            answered.append(made.body["metadata"]["name"])

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(write, worker) for worker in range(4)]
        deadline = time.monotonic() + 30
        while len(answered) < 60 and time.monotonic() < deadline:
            time.sleep(0.01)
        apiserver.kill()
        for each in work:
            each.result(30)
    api = apiserver.start()
    items = {item["metadata"]["name"]: item["data"]["n"] for item in api("GET", path).body["items"] if "data" in item}
    assert len(answered) >= 60
    assert set(answered) <= set(items)
    assert all(name.endswith(f"-{number}") for name, number in items.items() if name.startswith("w"))
    assert len(items) - len(answered) <= 4 + 1  # those on their way, and the cluster's CA
