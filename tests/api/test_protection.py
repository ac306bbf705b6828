"""Admission that guards nodes and storage: finalizers, the taint of a new node, labels of topology, one default priority."""

import pytest

CLAIM = {
    "metadata": {"name": "c"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
MERGE = {"content-type": "application/merge-patch+json"}


def test_claims_and_volumes_get_their_finalizers(api, namespace):
    made = api("POST", f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", CLAIM)
    assert made.body["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    volume = {
        "metadata": {"name": f"v-{namespace}", "finalizers": ["example.com/mine"]},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/tmp/x"}},
    }
    made = api("POST", "/api/v1/persistentvolumes", volume)
    assert made.body["metadata"]["finalizers"] == ["example.com/mine", "kubernetes.io/pv-protection"]
    path = f"/api/v1/persistentvolumes/v-{namespace}"
    assert api("DELETE", path).body["metadata"]["deletionTimestamp"]
    assert api("GET", path).code == 200
    assert api("PATCH", path, {"metadata": {"finalizers": None}}, headers=MERGE).code == 200
    assert api("GET", path).code == 404


@pytest.fixture
def node(api, namespace):
    labels = {"topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1", "other": "x"}
    made = api("POST", "/api/v1/nodes", {"metadata": {"name": f"n-{namespace}", "labels": labels}})
    assert made.code == 201, made.body
    yield made.body
    api("DELETE", f"/api/v1/nodes/n-{namespace}")


def test_a_new_node_takes_no_pods_yet(api, node):
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    assert node["spec"]["taints"] == [taint]
    meta = {"name": node["metadata"]["name"] + "-b"}
    made = api("POST", "/api/v1/nodes", {"metadata": meta, "spec": {"taints": [taint]}})
    assert made.body["spec"]["taints"] == [taint]
    path = f"/api/v1/nodes/{meta['name']}"
    assert "taints" not in api("PATCH", path, {"spec": {"taints": None}}, headers=MERGE).body["spec"]
    api("DELETE", path)


def test_a_bound_pod_bears_the_topology_of_its_node(api, namespace, node):
    path = f"/api/v1/namespaces/{namespace}/pods"
    labels = {"app": "web", "topology.kubernetes.io/zone": "mine"}
    pod = {"metadata": {"name": "p", "labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert api("POST", path, pod).code == 201
    binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": node["metadata"]["name"]}}
    assert api("POST", f"{path}/p/binding", binding).code == 201
    found = api("GET", f"{path}/p").body["metadata"]["labels"]
    assert found == {"app": "web", "topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1"}
    pod["metadata"]["name"], pod["spec"]["nodeName"] = "q", node["metadata"]["name"]
    assert api("POST", path, pod).body["metadata"]["labels"] == found
    for name in ("p", "q"):
        api("DELETE", f"{path}/{name}?gracePeriodSeconds=0")


def test_one_priority_class_is_the_default(api):
    path = "/apis/scheduling.k8s.io/v1/priorityclasses"
    assert api("POST", path, {"metadata": {"name": "one"}, "value": 5, "globalDefault": True}).code == 201
    try:
        second = api("POST", path, {"metadata": {"name": "two"}, "value": 6, "globalDefault": True})
        assert second.code == 403
        assert "PriorityClass one is already marked as default. Only one default can exist" in second.body["message"]
        assert api("PATCH", f"{path}/one", {"description": "d"}, headers=MERGE).code == 200
    finally:
        api("DELETE", f"{path}/one")
        api("DELETE", f"{path}/two")


def test_trust_anchors_of_a_signer_need_the_right_to_attest(own_apiserver):
    api = own_apiserver("--runtime-config=certificates.k8s.io/v1beta1=true").start()
    pem = api.ca.read_text()
    path = "/apis/certificates.k8s.io/v1beta1/clustertrustbundles"
    role = {
        "metadata": {"name": "bundles"},
        "rules": [{"apiGroups": ["certificates.k8s.io"], "resources": ["clustertrustbundles"], "verbs": ["*"]}],
    }
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    assert api("POST", f"{rbac}/clusterroles", role).code == 201
    binding = {
        "metadata": {"name": "bundles"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "bundles"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane"}],
    }
    assert api("POST", f"{rbac}/clusterrolebindings", binding).code == 201
    jane = {"impersonate-user": "jane"}
    own = {"metadata": {"name": "example.com:s:a"}, "spec": {"signerName": "example.com/s", "trustBundle": pem}}
    refused = api("POST", path, own, headers=jane)
    assert refused.code == 403
    assert 'user not permitted to attest for signerName "example.com/s"' in refused.body["message"]
    assert api("POST", path, {"metadata": {"name": "anybody"}, "spec": {"trustBundle": pem}}, headers=jane).code == 201
    assert api("POST", path, own).code == 201
