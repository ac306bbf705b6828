"""Claims for devices on a real apiserver: what a namespace may have, who may look into devices in use, and when taints were added."""

from __future__ import annotations

from typing import Any

GROUP = "/apis/resource.k8s.io/v1"
MERGE = {"content-type": "application/merge-patch+json"}
WHY = (
    "admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace"
)


def claim(name: str, *requests: Any) -> Any:
    return {"metadata": {"name": name}, "spec": {"devices": {"requests": [*requests]}}}


def exactly(name: str = "r", **more: Any) -> Any:
    return {"name": name, "exactly": {"deviceClassName": "gpu", **more}}


def test_a_quota_counts_the_devices_of_a_class(api: Any, namespace: str) -> None:
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    limited = "gpu.deviceclass.resource.k8s.io/devices"
    hard = {limited: "3"}
    made = api("POST", quotas, {"metadata": {"name": "q"}, "spec": {"hard": hard}})
    assert made.code == 201, made.body
    status = {"hard": hard, "used": {limited: "0"}}
    assert api("PUT", f"{quotas}/q/status", made.body | {"status": status}).code == 200
    claims = f"{GROUP}/namespaces/{namespace}/resourceclaims"
    ways = [{"name": str(count), "deviceClassName": "gpu", "count": count} for count in (2, 1)]
    assert api("POST", claims, claim("a", {"name": "r", "firstAvailable": ways})).code == 201
    refused = api("POST", claims, claim("b", exactly(count=2)))
    assert refused.code == 403
    said = f"exceeded quota: q, requested: {limited}=2, used: {limited}=2, limited: {limited}=3"
    assert refused.body["message"].endswith(said)
    assert api("POST", claims, claim("c", exactly(allocationMode="All"))).code == 403
    assert api("POST", claims, claim("d", exactly())).code == 201
    assert api("GET", f"{quotas}/q").body["status"]["used"] == {limited: "3"}


def test_devices_in_use_are_for_labelled_namespaces(api: Any, namespace: str) -> None:
    claims = f"{GROUP}/namespaces/{namespace}/resourceclaims"
    templates = f"{GROUP}/namespaces/{namespace}/resourceclaimtemplates"
    wanted = claim("a", exactly("x"), exactly("y", adminAccess=True))
    template = {"metadata": {"name": "a"}, "spec": {"spec": wanted["spec"]}}
    for path, obj, kind in ((claims, wanted, "ResourceClaim"), (templates, template, "ResourceClaimTemplate")):
        refused = api("POST", path, obj)
        assert refused.code == 422
        where = "spec.devices.requests[1].adminAccess"
        assert refused.body["message"] == f'{kind}.resource.k8s.io "a" is invalid: {where}: Forbidden: {WHY}'
    label = {"metadata": {"labels": {"resource.kubernetes.io/admin-access": "true"}}}
    assert api("PATCH", f"/api/v1/namespaces/{namespace}", label, headers=MERGE).code == 200
    assert api("POST", claims, wanted).code == 201
    assert api("POST", templates, template).code == 201


def test_taints_of_devices_are_dated(api: Any) -> None:
    path = f"{GROUP}/resourceslices"
    taint = {"key": "broken", "effect": "NoExecute"}
    spec = {
        "driver": "gpu.example.com",
        "nodeName": "n",
        "pool": {"name": "n", "generation": 1, "resourceSliceCount": 1},
        "devices": [{"name": "a", "taints": [taint]}],
    }
    made = api("POST", path, {"metadata": {"name": "dated"}, "spec": spec})
    assert made.code == 201, made.body
    try:
        first = made.body["spec"]["devices"][0]["taints"][0]["timeAdded"]
        old = "2026-01-01T00:00:00Z"
        assert first > old
        known = {**taint, "timeAdded": old}
        for given, expected in ((known, old), (taint, old)):
            spec["devices"][0]["taints"] = [given]  # type: ignore[index]
            answer = api("PATCH", f"{path}/dated", {"spec": spec}, headers=MERGE)
            assert answer.body["spec"]["devices"][0]["taints"][0]["timeAdded"] == expected
    finally:
        api("DELETE", f"{path}/dated")


def test_a_kubelet_publishes_the_devices_of_its_own_node(api: Any) -> None:
    path = f"{GROUP}/resourceslices"
    kubelet = {"impersonate-user": "system:node:n1", "impersonate-group": "system:nodes"}

    def published(name: str, node: str) -> Any:
        pool = {"name": node, "generation": 1, "resourceSliceCount": 1}
        spec = {"driver": "gpu.example.com", "nodeName": node, "pool": pool, "devices": []}
        return {"metadata": {"name": name}, "spec": spec}

    bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node"}
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes"}
    bound = {"metadata": {"name": "publishing"}, "roleRef": role, "subjects": [group]}
    assert api("POST", bindings, bound).code == 201
    assert api("POST", path, published("other", "n2")).code == 201
    try:
        refused = api("POST", path, published("a", "n2"), headers=kubelet)
        why = "can only create ResourceSlice with the same NodeName as the requesting node"
        assert refused.code == 403
        assert refused.body["message"].endswith(f"is forbidden: {why}")
        assert api("POST", path, published("a", "n1"), headers=kubelet).code == 201
        label = {"metadata": {"labels": {"a": "b"}}}
        assert api("PATCH", f"{path}/a", label, headers=MERGE | kubelet).code == 200
        assert api("PATCH", f"{path}/other", label, headers=MERGE | kubelet).code == 403
        assert api("DELETE", f"{path}/other", headers=kubelet).code == 403
        assert api("DELETE", f"{path}/a", headers=kubelet).code == 200
    finally:
        assert api("DELETE", f"{path}/other").code == 200
        assert api("DELETE", f"{bindings}/publishing").code == 200
