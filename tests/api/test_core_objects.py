"""The core group's rules as a client meets them: what is stored, what is refused and how, what kubectl prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - {name: c, image: "nginx:1", ports: [{containerPort: 80}], resources: {limits: {cpu: "0.5", memory: 1024Mi}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Secret
metadata: {name: web}
stringData: {a: b}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: web}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}
"""


@pytest.fixture
def applied(api: Any, namespace: str) -> str:
    done = api.kubectl("apply", "--validate=false", "-n", namespace, "-f", "-", stdin=POD)
    assert done.returncode == 0, done.stderr
    return namespace


def stored(api: Any, namespace: str, kind: str) -> dict[str, Any]:
    return dict(json.loads(api.kubectl("get", kind, "web", "-n", namespace, "-o", "json").stdout))


def test_defaults_are_stored(api: Any, applied: str) -> None:
    pod = stored(api, applied, "pod")
    container = pod["spec"]["containers"][0]
    assert container["resources"] == {
        "limits": {"cpu": "500m", "memory": "1Gi"},
        "requests": {"cpu": "500m", "memory": "1Gi"},
    }
    assert (pod["status"]["phase"], pod["status"]["qosClass"], pod["spec"]["dnsPolicy"]) == (
        "Pending",
        "Guaranteed",
        "ClusterFirst",
    )
    assert stored(api, applied, "secret")["data"] == {"a": "Yg=="}
    assert stored(api, applied, "pvc")["spec"]["resources"] == {"requests": {"storage": "1Gi"}}


@pytest.mark.parametrize("plural", ["pods", "services", "secrets", "persistentvolumeclaims"])
def test_writing_an_object_back_as_it_was_read_changes_nothing(api: Any, applied: str, plural: str) -> None:
    path = f"/api/v1/namespaces/{applied}/{plural}/web"
    before = api("GET", path).body
    after = api("PUT", path, before)
    assert (after.code, after.body) == (200, before)


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        ("pods", "NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES"),
        ("services", "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE SELECTOR"),
        ("secrets", "NAME TYPE DATA AGE"),
        ("pvc", "NAME STATUS VOLUME CAPACITY ACCESS MODES STORAGECLASS VOLUMEATTRIBUTESCLASS AGE VOLUMEMODE"),
    ],
)
def test_kubectl_prints_upstreams_columns(api: Any, applied: str, kind: str, header: str) -> None:
    lines = api.kubectl("get", kind, "-n", applied, "-o", "wide").stdout.splitlines()
    assert " ".join(lines[0].split()) == header


def test_a_refusal_names_each_field(api: Any, namespace: str, tmp_path: Path) -> None:
    wrong = {"metadata": {"name": "bad"}, "spec": {"containers": [{"name": "c"}], "restartPolicy": "Sometimes"}}
    answer = api("POST", f"/api/v1/namespaces/{namespace}/pods", wrong)
    assert answer.code == 422
    assert [(cause["field"], cause["reason"]) for cause in answer.body["details"]["causes"]] == [
        ("spec.containers[0].image", "FieldValueRequired"),
        ("spec.restartPolicy", "FieldValueNotSupported"),
    ]


def test_a_running_pods_command_may_not_change(api: Any, applied: str) -> None:
    patch = '[{"op": "add", "path": "/spec/containers/0/command", "value": ["x"]}]'
    done = api.kubectl("patch", "pod", "web", "-n", applied, "--type", "json", "-p", patch)
    assert done.returncode != 0
    assert "pod updates may not change fields other than `spec.containers[*].image`" in done.stderr


def test_a_malformed_quantity_is_a_bad_request(api: Any, namespace: str) -> None:
    container = {"name": "c", "image": "i", "resources": {"limits": {"cpu": "lots"}}}
    answer = api(
        "POST", f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": "q"}, "spec": {"containers": [container]}}
    )
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
