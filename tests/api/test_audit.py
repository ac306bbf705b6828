"""The audit log of a real apiserver: what a policy asks for, and nothing of what it does not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Api, Apiserver, Authority
from tests.api.test_webhooks import REGISTRATION, Hooks, patch, rule

WORD = "c2VjcmV0LXdvcmQ="
LATE = {"omitStages": ["RequestReceived"]}
POLICY = {
    "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
    "rules": [
        {"level": "None", "nonResourceURLs": ["/healthz*", "/readyz", "/livez", "/version"]},
        {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets", "serviceaccounts/token"]}], **LATE},
        {"level": "RequestResponse", "resources": [{"group": "", "resources": ["configmaps"]}], "omitManagedFields": True, **LATE},
        {"level": "Request", "resources": [{"group": "", "resources": ["pods", "pods/*"]}]},
        {"level": "None", "users": ["quiet"]},
        {"level": "Metadata", **LATE},
    ],
}  # fmt: skip


class Audited:
    """An apiserver with an audit log."""

    def __init__(
        self, own_apiserver: Callable[..., Apiserver], directory: Path, policy: dict[str, Any], *flags: str
    ) -> None:
        file, self.log = directory / "policy.json", directory / "audit" / "audit.log"
        file.write_text(json.dumps(policy))
        self.server = own_apiserver(f"--audit-policy-file={file}", f"--audit-log-path={self.log}", *flags)
        self.api: Api = self.server.start()

    def events(self, agent: str) -> list[dict[str, Any]]:
        """The events of requests that were sent under this agent."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line.get("userAgent") == agent]


@pytest.fixture
def audited(own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> Audited:
    return Audited(own_apiserver, tmp_path, POLICY)


@pytest.fixture
def hooks(authority: Authority) -> Iterator[Hooks]:
    made = Hooks(authority)
    yield made
    made.close()


def test_each_level_tells_what_it_should(audited: Audited) -> None:
    api, agent = audited.api, {"user-agent": "test"}
    base = "/api/v1/namespaces/default"
    made = api(
        "POST", f"{base}/configmaps?fieldManager=x", {"metadata": {"name": "a"}, "data": {"k": "v"}}, headers=agent
    )
    api("POST", f"{base}/secrets", {"metadata": {"name": "s"}, "data": {"k": WORD}}, headers=agent)
    api("GET", f"{base}/secrets/s", headers=agent)
    api("GET", f"{base}/pods/none", headers=agent)
    api("GET", "/version", headers=agent)
    full, secret, read, *missing = audited.events("test")
    assert made.headers["audit-id"] == full["auditID"]
    assert (full["level"], full["stage"], full["verb"]) == ("RequestResponse", "ResponseComplete", "create")
    assert full["requestURI"] == f"{base}/configmaps?fieldManager=x"
    assert (full["user"]["username"], full["user"]["groups"]) == ("admin", ["system:masters", "system:authenticated"])
    assert full["sourceIPs"] == ["127.0.0.1"]
    assert full["objectRef"] == {"resource": "configmaps", "namespace": "default", "name": "a", "apiVersion": "v1"}
    assert full["requestObject"]["data"] == {"k": "v"}
    assert full["responseObject"]["metadata"]["uid"] == made.body["metadata"]["uid"]
    assert "managedFields" not in full["responseObject"]["metadata"]
    assert full["responseStatus"] == {"metadata": {}, "code": 201}
    assert full["annotations"]["authorization.k8s.io/decision"] == "allow"
    assert {"requestReceivedTimestamp", "stageTimestamp"} <= set(full)
    for event in (secret, read):
        assert event["level"] == "Metadata"
        assert "requestObject" not in event
    assert WORD not in audited.log.read_text()
    assert [event["stage"] for event in missing] == ["RequestReceived", "ResponseComplete"]
    assert missing[1]["responseStatus"]["reason"] == "NotFound"
    assert missing[1]["responseStatus"]["code"] == 404


def test_who_asks_and_as_whom(audited: Audited) -> None:
    api = audited.api
    api(
        "GET",
        "/api/v1/nodes",
        headers={"user-agent": "acting", "impersonate-user": "alice", "impersonate-group": "team"},
    )
    api("GET", "/api/v1/nodes", headers={"user-agent": "nobody", "authorization": "Bearer wrong"})
    [acting] = audited.events("acting")
    assert acting["user"]["username"] == "admin"
    assert acting["impersonatedUser"] == {"username": "alice", "groups": ["team", "system:authenticated"]}
    assert acting["responseStatus"]["code"] == 403
    assert acting["annotations"]["authorization.k8s.io/decision"] == "forbid"
    [nobody] = audited.events("nobody")
    assert nobody["responseStatus"]["code"] in (200, 401)


def test_a_watch_is_told_of_when_it_begins_and_when_it_ends(audited: Audited) -> None:
    stream = audited.api.watch("/api/v1/nodes?watch=1&timeoutSeconds=1", headers={"user-agent": "watcher"})
    stream.read()
    deadline = time.monotonic() + 20
    while len(audited.events("watcher")) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [event["stage"] for event in audited.events("watcher")] == ["ResponseStarted", "ResponseComplete"]


def test_what_admission_notes_is_in_the_log(audited: Audited) -> None:
    api = audited.api
    labels = {"pod-security.kubernetes.io/audit": "restricted"}
    api(
        "PATCH",
        "/api/v1/namespaces/default",
        {"metadata": {"labels": labels}},
        headers={"content-type": "application/merge-patch+json"},
    )
    api("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
    group = "/apis/admissionregistration.k8s.io/v1"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": "never right"}],
        "auditAnnotations": [{"key": "name", "valueExpression": "'seen ' + object.metadata.name"}],
    }
    api("POST", f"{group}/validatingadmissionpolicies", {"metadata": {"name": "note.example.com"}, "spec": spec})
    binding = {"policyName": "note.example.com", "validationActions": ["Audit"]}
    bound = api("POST", f"{group}/validatingadmissionpolicybindings", {"metadata": {"name": "b"}, "spec": binding})
    assert bound.code == 201, bound.body
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    made = api("POST", "/api/v1/namespaces/default/pods", pod, headers={"user-agent": "pods"})
    assert made.code == 201, made.body
    annotations = audited.events("pods")[-1]["annotations"]
    assert annotations["pod-security.kubernetes.io/audit-violations"].startswith(
        'would violate PodSecurity "restricted:latest": '
    )
    assert annotations["pod-security.kubernetes.io/enforce-policy"] == "privileged:latest"
    assert annotations["note.example.com/name"] == "seen p"
    [failure] = json.loads(annotations["validation.policy.admission.k8s.io/validation_failure"])
    assert failure == {
        "message": "never right", "policy": "note.example.com", "binding": "b", "expressionIndex": 0, "validationActions": ["Audit"],
    }  # fmt: skip


def test_what_webhooks_did_is_in_the_log(audited: Audited, hooks: Hooks) -> None:
    api = audited.api
    change = {"op": "add", "path": "/data", "value": {"by": "aG9vaw=="}}
    changing = hooks.on("/change", patch(change) | {"auditAnnotations": {"note": "changed"}})
    gone = {"url": "https://127.0.0.1:1/", "caBundle": hooks.bundle}
    rules = [rule("configmaps", "secrets", operations=("CREATE",))]
    usual = {"admissionReviewVersions": ["v1"], "sideEffects": "None", "rules": rules, "failurePolicy": "Ignore"}
    clients = {"mutating": (("one.x.io", changing), ("two.x.io", gone)), "validating": (("three.x.io", gone),)}
    for kind, asked in clients.items():
        webhooks = [{**usual, "name": name, "clientConfig": client} for name, client in asked]
        body = {"metadata": {"name": "all"}, "webhooks": webhooks}
        assert api("POST", f"{REGISTRATION}/{kind}webhookconfigurations", body).code == 201
    for plural in ("configmaps", "secrets"):
        made = api(
            "POST",
            f"/api/v1/namespaces/default/{plural}",
            {"metadata": {"name": "a"}},
            headers={"user-agent": "hooked"},
        )
        assert made.code == 201, made.body
    config_map, secret = (event["annotations"] for event in audited.events("hooked"))
    for noted in (config_map, secret):
        first, second = (
            json.loads(noted[f"mutation.webhook.admission.k8s.io/round_0_index_{index}"]) for index in (0, 1)
        )
        assert first == {"configuration": "all", "webhook": "one.x.io", "mutated": True}
        assert second == {"configuration": "all", "webhook": "two.x.io", "mutated": False}
        assert noted["failed-open.mutation.webhook.admission.k8s.io/round_0_index_1"] == "two.x.io"
        assert noted["failed-open.validating.webhook.admission.k8s.io/round_0_index_0"] == "three.x.io"
        assert noted["one.x.io/note"] == "changed"
    shown = json.loads(config_map["patch.webhook.admission.k8s.io/round_0_index_0"])
    assert shown == {"configuration": "all", "webhook": "one.x.io", "patch": [change], "patchType": "JSONPatch"}
    assert not [key for key in secret if key.startswith("patch.")]


def test_a_bad_policy_ends_the_start_with_one_line(own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> None:
    rules = {"rules": [{"level": "Everything"}]}
    with pytest.raises(AssertionError, match=r"rules\[0\]\.level: Unsupported value: 'Everything'"):
        Audited(own_apiserver, tmp_path, POLICY | rules)


def lost(api: Api) -> int:
    found = re.search(r'^apiserver_audit_error_total\{plugin="log"\} (\d+)', api("GET", "/metrics").body, re.MULTILINE)
    assert found
    return int(found[1])


def test_a_full_disk_stops_the_log_and_nothing_else(own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "audit"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk], check=True)
    try:
        audited = Audited(own_apiserver, tmp_path, POLICY)
        api, path = audited.api, "/api/v1/namespaces/default/configmaps"
        assert lost(api) == 0
        for number in range(40):
            made = api("POST", path, {"metadata": {"name": f"c{number}"}, "data": {"a": "x" * 10_000}})
            assert made.code == 201
        counted = lost(api)
        assert counted >= 20
        assert len(api("GET", path).body["items"]) >= 40
        assert audited.server.log.read_text().count("audit events cannot be written") == 1
        for line in audited.log.read_text().splitlines():
            assert json.loads(line)["kind"] == "Event"  # whole ones only
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        assert api("POST", path, {"metadata": {"name": "after"}}, headers={"user-agent": "after"}).code == 201
        assert [event["verb"] for event in audited.events("after")] == ["create"]
        audited.server.stop()
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
