"""What a kubelet may do, by the pods on its node."""

from __future__ import annotations

import pytest

from kubern.apiserver.authz.node import Node, PodReferences
from kubern.apiserver.identity import User
from kubern.apiserver.request_info import parse_request

POD = {
    "metadata": {"name": "p", "namespace": "a"},
    "spec": {
        "nodeName": "n1",
        "serviceAccountName": "sa",
        "imagePullSecrets": [{"name": "pull"}],
        "containers": [{
            "env": [{"valueFrom": {"secretKeyRef": {"name": "env"}}}, {"value": "x"}, {"valueFrom": {"fieldRef": {}}}],
            "envFrom": [{"configMapRef": {"name": "from"}}],
        }],
        "initContainers": [{"env": [{"valueFrom": {"configMapKeyRef": {"name": "init"}}}]}],
        "volumes": [
            {"name": "v1", "secret": {"secretName": "mounted"}},
            {"name": "v2", "projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}, {"secret": {"name": "projected"}}]}},
            {"name": "v3", "persistentVolumeClaim": {"claimName": "claim"}},
            {"name": "v4", "emptyDir": {}},
            {"name": "v5", "ephemeral": {"volumeClaimTemplate": {}}},
            {"name": "v6", "csi": {"nodePublishSecretRef": {"name": "csi"}}},
        ],
    },
}  # fmt: skip


def kubelet(name):
    return User(f"system:node:{name}", ("system:nodes", "system:authenticated"))


@pytest.fixture
def pods():
    made = PodReferences(lambda namespace, claim: "pv1" if (namespace, claim) == ("a", "claim") else "")
    made.put(POD)
    return made


def decide(pods, name, method, path):
    path, _, query = path.partition("?")
    return Node(pods)(kubelet(name), parse_request(method, path, query))


REFERRED = [
    "secrets/pull", "secrets/env", "secrets/mounted", "secrets/projected", "secrets/csi", "configmaps/from",
    "configmaps/init", "configmaps/kube-root-ca.crt", "persistentvolumeclaims/claim", "persistentvolumeclaims/p-v5",
]  # fmt: skip


def test_a_node_reads_the_device_claims_of_its_pods(pods):
    entries = [{"name": "x", "resourceClaimName": "own"}, {"name": "y", "resourceClaimTemplateName": "t"}]
    made = {"resourceClaimStatuses": [{"name": "y", "resourceClaimName": "p-y-abcde"}]}
    pods.put({**POD, "spec": {**POD["spec"], "resourceClaims": entries}, "status": made})
    path = "/apis/resource.k8s.io/v1/namespaces/a/resourceclaims"
    for name in ("own", "p-y-abcde"):
        assert decide(pods, "n1", "GET", f"{path}/{name}").allowed
        assert not decide(pods, "n2", "GET", f"{path}/{name}").allowed
    assert not decide(pods, "n1", "GET", f"{path}/other").allowed
    assert not decide(pods, "n1", "GET", path).allowed


@pytest.mark.parametrize("what", REFERRED)
def test_a_node_reads_what_its_pods_refer_to_and_no_longer(pods, what):
    path = f"/api/v1/namespaces/a/{what}"
    assert decide(pods, "n1", "GET", path).allowed
    assert decide(pods, "n2", "GET", path) == (False, "no relationship found between node 'n2' and this object")
    assert not decide(pods, "n1", "GET", path.replace("/a/", "/b/")).allowed
    assert not decide(pods, "n1", "DELETE", path).allowed
    pods.remove("a", "p")
    assert not decide(pods, "n1", "GET", path).allowed


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v1/persistentvolumes/pv1", True),
        ("GET", "/api/v1/persistentvolumes/pv2", False),
        ("GET", "/api/v1/namespaces/a/secrets", False),
        ("POST", "/api/v1/namespaces/a/serviceaccounts/sa/token", True),
        ("POST", "/api/v1/namespaces/a/serviceaccounts/other/token", False),
        ("POST", "/api/v1/nodes", True),
        ("PATCH", "/api/v1/nodes/n1/status", True),
        ("DELETE", "/api/v1/nodes/n1", False),
        ("GET", "/api/v1/pods?watch=true", True),
        ("PATCH", "/api/v1/namespaces/a/pods/p/status", True),
        ("PATCH", "/api/v1/namespaces/a/pods/p", False),
        ("POST", "/api/v1/namespaces/a/events", True),
        ("GET", "/api/v1/services", True),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1", True),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n2", False),
        ("POST", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", True),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/n1", False),
        ("POST", "/apis/apps/v1/namespaces/a/deployments", False),
    ],
)
def test_a_kubelet_may(pods, method, path, allowed):
    assert decide(pods, "n1", method, path).allowed is allowed


def test_two_pods_may_refer_to_the_same_and_a_mirror_pod_to_nothing(pods):
    other = POD | {"metadata": {"name": "q", "namespace": "a"}}
    pods.put(other)
    pods.remove("a", "p")
    assert decide(pods, "n1", "GET", "/api/v1/namespaces/a/secrets/env").allowed
    pods.put(other | {"metadata": other["metadata"] | {"annotations": {"kubernetes.io/config.mirror": "x"}}})
    assert not decide(pods, "n1", "GET", "/api/v1/namespaces/a/secrets/env").allowed


@pytest.mark.parametrize("user", [User("system:node:n1"), User("alice", ("system:nodes",))], ids=["group", "name"])
def test_only_a_node_is_a_node(pods, user):
    assert not Node(pods)(user, parse_request("GET", "/api/v1/services", "")).allowed
