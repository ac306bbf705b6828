"""`--use-service-account-credentials`: a controller manager of its own, without full rights, each controller as its own account.

What they ask for is in the audit log: nothing of it is refused, and who asked is told there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from kubern.base.scan import scan
from kubern.controllers import kinds
from kubern.controllers.controller import Controller
from tests.api.conftest import Api, Apiserver, Authority, kubeconfig

POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}
ACCOUNT = "system:serviceaccount:kube-system:"
MANAGER = "system:kube-controller-manager"
CORE = "/api/v1/namespaces/default"
ACCOUNTS = "/api/v1/namespaces/kube-system/serviceaccounts"
READY = {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}]}
META = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
WORKLOAD = {"selector": {"matchLabels": {"app": "x"}}, "template": META}
CLAIM = {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}
DISK = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}
SELECTOR = {"matchLabels": {"aggregate": "yes"}}
STORY: dict[str, list[dict[str, Any]]] = {
    "/api/v1/nodes": [{"metadata": {"name": "n1"}}],
    "/api/v1/persistentvolumes": [{"metadata": {"name": "disk"}, "spec": DISK}],
    f"{CORE}/persistentvolumeclaims": [{"metadata": {"name": "claim"}, "spec": CLAIM}],
    f"{CORE}/services": [{"metadata": {"name": "s"}, "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}}],
    f"{CORE}/resourcequotas": [{"metadata": {"name": "q"}, "spec": {"hard": {"pods": "100"}}}],
    f"{CORE}/secrets": [
        {
            "metadata": {"name": "token", "annotations": {"kubernetes.io/service-account.name": "default"}},
            "type": "kubernetes.io/service-account-token",
        }
    ],
    "/apis/rbac.authorization.k8s.io/v1/clusterroles": [
        {
            "metadata": {"name": "part", "labels": {"aggregate": "yes"}},
            "rules": [{"verbs": ["*"], "apiGroups": ["x"], "resources": ["y"]}],
        },
        {"metadata": {"name": "whole"}, "aggregationRule": {"clusterRoleSelectors": [SELECTOR]}, "rules": []},
    ],
    "/apis/policy/v1/namespaces/default/poddisruptionbudgets": [
        {"metadata": {"name": "b"}, "spec": {"minAvailable": "50%", "selector": {"matchLabels": {"app": "x"}}}}
    ],
    "/apis/apps/v1/namespaces/default/deployments": [{"metadata": {"name": "d"}, "spec": {"replicas": 2, **WORKLOAD}}],
    "/apis/apps/v1/namespaces/default/daemonsets": [{"metadata": {"name": "ds"}, "spec": WORKLOAD}],
    "/apis/apps/v1/namespaces/default/statefulsets": [
        {
            "metadata": {"name": "sts"},
            "spec": {
                "serviceName": "s",
                "volumeClaimTemplates": [{"metadata": {"name": "v"}, "spec": CLAIM}],
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"},
                **WORKLOAD,
            },
        }
    ],
    f"{CORE}/replicationcontrollers": [
        {"metadata": {"name": "rc"}, "spec": {"replicas": 1, "selector": {"app": "x"}, "template": META}}
    ],
    "/apis/batch/v1/namespaces/default/jobs": [
        {
            "metadata": {"name": "j"},
            "spec": {
                "ttlSecondsAfterFinished": 0,
                "template": {"spec": {"restartPolicy": "Never", **META["spec"]}},
            },
        }
    ],
    "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers": [
        {
            "metadata": {"name": "h"},
            "spec": {
                "minReplicas": 3,
                "maxReplicas": 4,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
            },
        }
    ],
    "/api/v1/namespaces": [{"metadata": {"name": "brief"}}],
}  # fmt: skip


def eventually(check: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (found := check()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return found


class Story:
    """A cluster of one played node, and what its audit log says."""

    def __init__(self, server: Apiserver, api: Api, log: Path) -> None:
        self.server, self.api, self._log = server, api, log

    def make(self) -> None:
        for path, objects in STORY.items():
            for obj in objects:
                answer = self.api("POST", path, obj)
                assert answer.code == 201, answer.body
        self.put_status("/api/v1/nodes/n1", READY)

    def put_status(self, path: str, status: dict[str, Any]) -> None:
        answer = self.api(
            "PATCH", f"{path}/status", {"status": status}, headers={"content-type": "application/merge-patch+json"}
        )
        assert answer.code == 200, answer.body

    def items(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("GET", path).body["items"]
        return found

    def pods_of(self, kind: str) -> list[dict[str, Any]]:
        pods = self.items(f"{CORE}/pods")
        return [p for p in pods for o in p["metadata"].get("ownerReferences", ()) if o["kind"] == kind]

    def events(self) -> list[dict[str, Any]]:
        """What controllers have been answered."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.endswith("}")]
        return [
            each
            for each in lines
            if each["stage"] == "ResponseComplete"
            and each["user"]["username"].startswith((ACCOUNT, MANAGER))
            and "responseStatus" in each
        ]


@pytest.fixture
def story(own_apiserver: Callable[..., Apiserver], authority: Authority, tmp_path: Path) -> Iterator[Story]:
    policy, audit = tmp_path / "policy.json", tmp_path / "audit.log"
    policy.write_text(json.dumps(POLICY))
    server = own_apiserver(
        "--authorization-mode=Node,RBAC", f"--audit-policy-file={policy}", f"--audit-log-path={audit}"
    )
    api = server.start()
    as_manager = tmp_path / "manager"
    as_manager.mkdir()
    config = kubeconfig(as_manager, api.url, authority.file, *authority.issue("manager", MANAGER))
    form = serialization.PrivateFormat.PKCS8
    ca_key = tmp_path / "ca.key"
    ca_key.write_bytes(authority.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    command = [
        sys.executable, "-m", "kubern", "controller-manager", "--kubeconfig", str(config), "--secure-port=0",
        "--use-service-account-credentials", "--controllers=*,bootstrap-signer-controller,token-cleaner-controller",
        f"--root-ca-file={authority.file}", f"--service-account-private-key-file={tmp_path / 'sa.key'}",
        f"--cluster-signing-cert-file={authority.file}", f"--cluster-signing-key-file={ca_key}",
    ]  # fmt: skip
    with (tmp_path / "controllers").open("w") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        eventually(lambda: api("GET", f"{CORE}/serviceaccounts/default").code == 200)
        yield Story(server, api, audit)
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_each_controller_is_its_own_account_and_nothing_is_refused(story: Story) -> None:
    api = story.api
    story.make()
    eventually(lambda: len(story.pods_of("ReplicaSet")) == 3)  # two, and the autoscaler's third
    for kind in ("DaemonSet", "StatefulSet", "ReplicationController", "Job"):
        eventually(lambda kind=kind: story.pods_of(kind))
    eventually(lambda: api("GET", f"{CORE}/persistentvolumeclaims/claim").body["status"]["phase"] == "Bound")
    eventually(lambda: api("GET", f"{CORE}/secrets/token").body.get("data"))
    eventually(lambda: api("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/whole").body["rules"])
    eventually(lambda: story.items("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"))
    (job_pod,) = story.pods_of("Job")
    story.put_status(f"{CORE}/pods/{job_pod['metadata']['name']}", {"phase": "Succeeded"})
    eventually(lambda: not story.items("/apis/batch/v1/namespaces/default/jobs"))
    for path in ("/apis/apps/v1/namespaces/default/deployments/d", "/apis/apps/v1/namespaces/default/statefulsets/sts"):
        api("DELETE", path)
    eventually(lambda: not story.pods_of("ReplicaSet") and not story.pods_of("StatefulSet"))
    api("DELETE", f"{CORE}/persistentvolumeclaims/claim")
    api("DELETE", "/api/v1/namespaces/brief")
    eventually(lambda: api("GET", "/api/v1/namespaces/brief").code == 404)
    eventually(lambda: api("GET", f"{CORE}/persistentvolumeclaims/claim").code == 404)

    events = story.events()
    refused = {
        (each["user"]["username"], each["verb"], each["requestURI"])
        for each in events
        if each["responseStatus"]["code"] in (401, 403)
    }
    assert refused == set()
    _told_apart(events)
    published = api("GET", f"{CORE}/configmaps/kube-root-ca.crt").body["metadata"]
    assert {entry["manager"] for entry in published["managedFields"]} == {"kube-controller-manager"}


def _told_apart(events: list[dict[str, Any]]) -> None:
    writers = {
        each["user"]["username"].removeprefix(ACCOUNT)
        for each in events
        if each["verb"] not in ("get", "list", "watch")
    }
    expected = {
        "clusterrole-aggregation-controller", "daemon-set-controller", "deployment-controller",
        "disruption-controller", "endpoint-controller", "endpointslice-controller", "generic-garbage-collector",
        "horizontal-pod-autoscaler", "job-controller", "namespace-controller", "node-controller", "persistent-volume-binder",
        "pvc-protection-controller", "replicaset-controller", "replication-controller", "resourcequota-controller",
        "root-ca-cert-publisher", "service-account-controller", "statefulset-controller", "ttl-after-finished-controller",
        MANAGER,
    }  # fmt: skip
    known = {each.account for each in scan(kinds, "CONTROLLER", Controller)}
    assert expected <= writers
    assert writers <= known | {MANAGER}
    agents = {(each["user"]["username"], each["userAgent"]) for each in events}
    for user, agent in agents:
        assert agent == "kube-controller-manager" + ("" if user == MANAGER else f"/{user}")
    own = [each for each in events if each["user"]["username"] == MANAGER and each["verb"] == "create"]
    assert {each["objectRef"]["resource"] for each in own} == {"serviceaccounts", "leases", "events"}


def test_an_account_that_somebody_deletes_is_made_again(story: Story) -> None:
    api = story.api
    path = f"{ACCOUNTS}/service-account-controller"
    first = eventually(lambda: api("GET", path).body["metadata"].get("uid"))
    assert api("DELETE", path).code == 200
    story.server.stop()  # which remembers a token for ten seconds
    story.server.start()
    assert api("POST", "/api/v1/namespaces", {"metadata": {"name": "later"}}).code == 201
    eventually(lambda: api("GET", "/api/v1/namespaces/later/serviceaccounts/default").code == 200)
    assert api("GET", path).body["metadata"]["uid"] != first
