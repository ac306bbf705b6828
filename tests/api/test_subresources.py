"""Status, scale, binding, eviction, tokens, and the reviews of access."""

from __future__ import annotations

from typing import Any

import pytest

MERGE = {"content-type": "application/merge-patch+json"}


def pod(api: Any, namespace: str, name: str = "p", **spec: Any) -> Any:
    body = {
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]} | spec,
    }
    made = api("POST", f"/api/v1/namespaces/{namespace}/pods", body)
    assert made.code == 201, made.body
    return made.body


def bind(api: Any, namespace: str, name: str, node: str) -> Any:
    body = {"metadata": {"name": name}, "target": {"kind": "Node", "name": node}}
    return api("POST", f"/api/v1/namespaces/{namespace}/pods/{name}/binding", body)


def deployment(api: Any, namespace: str) -> str:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    made = api("POST", path, {"metadata": {"name": "d"}, "spec": spec})
    assert made.code == 201, made.body
    return f"{path}/d"


def test_a_pod_gets_what_admission_gives(api: Any, namespace: str) -> None:
    spec = pod(api, namespace)["spec"]
    assert spec["serviceAccountName"] == "default"
    assert (spec["priority"], spec["preemptionPolicy"]) == (0, "PreemptLowerPriority")
    assert {t["key"] for t in spec["tolerations"]} == {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}
    assert spec["volumes"][0]["name"].startswith("kube-api-access-")
    assert spec["containers"][0]["volumeMounts"][0]["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"


def test_an_unknown_service_account_is_refused(api: Any, namespace: str) -> None:
    spec = {"serviceAccountName": "nobody", "containers": [{"name": "c", "image": "i"}]}
    refused = api("POST", f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": "p"}, "spec": spec})
    assert (refused.code, 'serviceaccount "nobody" not found' in refused.body["message"]) == (403, True)


def test_status_and_spec_are_kept_apart(api: Any, namespace: str) -> None:
    path = deployment(api, namespace)
    status = api("PATCH", f"{path}/status", {"status": {"replicas": 7}, "spec": {"replicas": 9}}, headers=MERGE).body
    assert (status["status"]["replicas"], status["spec"]["replicas"], status["metadata"]["generation"]) == (7, 2, 1)
    spec = api("PATCH", path, {"status": {"replicas": 1}, "spec": {"replicas": 3}}, headers=MERGE).body
    assert (spec["status"]["replicas"], spec["spec"]["replicas"], spec["metadata"]["generation"]) == (7, 3, 2)


def test_scale_reads_and_writes_the_replicas(api: Any, namespace: str) -> None:
    path = deployment(api, namespace)
    scale = api("GET", f"{path}/scale").body
    assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == ("Scale", {"replicas": 2}, "app=web")
    scale["spec"]["replicas"] = 5
    assert api("PUT", f"{path}/scale", scale).body["spec"] == {"replicas": 5}
    assert api("PUT", f"{path}/scale", scale).code == 409
    assert api("PATCH", f"{path}/scale", {"spec": {"replicas": 1}}, headers=MERGE).body["spec"] == {"replicas": 1}
    assert api("GET", path).body["spec"]["replicas"] == 1
    assert api("PATCH", f"{path}/scale", {"spec": {"replicas": -1}}, headers=MERGE).code == 422


def test_a_pod_is_bound_once(api: Any, namespace: str) -> None:
    pod(api, namespace)
    assert bind(api, namespace, "p", "n1").code == 201
    bound = api("GET", f"/api/v1/namespaces/{namespace}/pods/p").body
    assert bound["spec"]["nodeName"] == "n1"
    assert [c["status"] for c in bound["status"]["conditions"] if c["type"] == "PodScheduled"] == ["True"]
    again = bind(api, namespace, "p", "n2")
    assert (again.code, again.body["message"]) == (
        409, 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"',
    )  # fmt: skip


def test_a_bound_pod_is_deleted_gracefully(api: Any, namespace: str) -> None:
    pod(api, namespace, terminationGracePeriodSeconds=30)
    bind(api, namespace, "p", "n1")
    path = f"/api/v1/namespaces/{namespace}/pods/p"
    ending = api("DELETE", path).body
    assert (ending["kind"], ending["metadata"]["deletionGracePeriodSeconds"]) == ("Pod", 30)
    assert api("GET", path).code == 200
    assert api("DELETE", path, {"gracePeriodSeconds": 0}).code == 200
    assert api("GET", path).code == 404


def test_an_unbound_pod_is_deleted_at_once(api: Any, namespace: str) -> None:
    pod(api, namespace)
    assert api("DELETE", f"/api/v1/namespaces/{namespace}/pods/p").body["kind"] == "Pod"
    assert api("GET", f"/api/v1/namespaces/{namespace}/pods/p").code == 404


def test_eviction_respects_the_budget(api: Any, namespace: str) -> None:
    pods, budgets = (
        f"/api/v1/namespaces/{namespace}/pods",
        f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets",
    )
    for name in ("a", "b"):
        pod(api, namespace, name)
        bind(api, namespace, name, "n1")
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        assert api("PATCH", f"{pods}/{name}/status", {"status": ready}, headers=MERGE).code == 200
    budget = {"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}}
    assert api("POST", budgets, budget).code == 201
    allowed = {
        "disruptionsAllowed": 1,
        "currentHealthy": 2,
        "desiredHealthy": 1,
        "expectedPods": 2,
        "observedGeneration": 1,
    }
    assert api("PATCH", f"{budgets}/b/status", {"status": allowed}, headers=MERGE).code == 200
    first = api("POST", f"{pods}/a/eviction", {"metadata": {"name": "a"}})
    assert (first.code, first.body["status"]) == (201, "Success")
    leaving = api("GET", f"{pods}/a").body
    (target,) = [each for each in leaving["status"]["conditions"] if each["type"] == "DisruptionTarget"]
    assert (target["reason"], target["message"]) == ("EvictionByEvictionAPI", "Eviction API: evicting")
    assert target["observedGeneration"] == 1 < leaving["metadata"]["generation"], "told before it is deleted"
    second = api("POST", f"{pods}/b/eviction", {"metadata": {"name": "b"}})
    assert (second.code, second.body["reason"]) == (429, "TooManyRequests")
    assert second.body["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    assert api("GET", f"{pods}/b").body["metadata"].get("deletionTimestamp") is None


def test_services_get_addresses_that_nobody_else_gets(api: Any, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/services"
    body = {"metadata": {"name": "s"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
    made = api("POST", path, body)
    assert made.code == 201, made.body
    spec = made.body["spec"]
    taken = {"metadata": {"name": "t"}, "spec": {"clusterIP": spec["clusterIP"], "ports": [{"port": 80}]}}
    refused = api("POST", path, taken)
    assert (refused.code, "provided IP is already allocated" in refused.body["message"]) == (422, True)
    assert api("DELETE", f"{path}/s").code == 200
    assert api("POST", path, taken).code == 201


@pytest.mark.parametrize(
    ("path", "body", "check"),
    [
        (
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            {"spec": {"resourceAttributes": {"verb": "delete", "resource": "pods", "namespace": "x"}}},
            lambda status: status["allowed"],
        ),
        (
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            {
                "spec": {
                    "user": "nobody",
                    "resourceAttributes": {"verb": "delete", "resource": "pods", "namespace": "x"},
                }
            },
            lambda status: not status["allowed"],
        ),
        (
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            {},
            lambda status: (
                status["userInfo"]["username"] == "admin" and "system:masters" in status["userInfo"]["groups"]
            ),
        ),
        (
            "/apis/authentication.k8s.io/v1/tokenreviews",
            {"spec": {"token": "wrong"}},
            lambda status: not status.get("authenticated"),
        ),
    ],
    ids=["self", "other", "who", "token"],
)
def test_reviews(api: Any, path: str, body: Any, check: Any) -> None:
    answered = api("POST", path, body)
    assert answered.code == 201, answered.body
    assert check(answered.body["status"])


def test_tokens_are_issued_and_known(api: Any, namespace: str) -> None:
    issued = api(
        "POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token", {"spec": {"expirationSeconds": 600}}
    )
    assert issued.code == 201, issued.body
    token = issued.body["status"]["token"]
    known = api("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": token}}).body["status"]
    assert known["user"]["username"] == f"system:serviceaccount:{namespace}:default"
    refused = api(
        "POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token", {"spec": {"expirationSeconds": 5}}
    )
    assert refused.code == 422


def test_unknown_fields_are_warned_of_or_refused(api: Any, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    warned = api("POST", path, {"metadata": {"name": "a"}, "wrong": 1})
    assert (warned.code, 'unknown field "wrong"' in warned.headers["warning"].replace("\\", "")) == (201, True)
    strict = api("POST", f"{path}?fieldValidation=Strict", {"metadata": {"name": "b"}, "wrong": 1})
    assert (strict.code, "strict decoding error" in strict.body["message"]) == (400, True)
    ignored = api("POST", f"{path}?fieldValidation=Ignore", {"metadata": {"name": "c"}, "wrong": 1})
    assert (ignored.code, "warning" in ignored.headers) == (201, False)
    wrong = api("POST", path, {"metadata": {"name": "d"}, "data": "text"})
    assert (wrong.code, "cannot be handled as a ConfigMap" in wrong.body["message"]) == (400, True)


def test_a_binding_posted_to_its_own_path_places_the_pod(api: Any, namespace: str) -> None:
    here = f"/api/v1/namespaces/{namespace}"
    pod = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert api("POST", f"{here}/pods", pod).code == 201
    binding = {"metadata": {"name": "web"}, "target": {"kind": "Node", "name": "n1"}}
    done = api("POST", f"{here}/bindings", binding)
    assert (done.code, done.body["status"]) == (201, "Success")
    assert api("GET", f"{here}/pods/web").body["spec"]["nodeName"] == "n1"
    again = api("POST", f"{here}/bindings", binding)
    assert (again.code, "already assigned to node" in again.body["message"]) == (409, True)
    assert api("POST", f"{here}/bindings", binding | {"metadata": {"name": "none"}}).code == 404
    assert api("POST", f"{here}/bindings", {"metadata": {"name": "web"}, "target": {}}).code == 422


def test_component_statuses_tell_of_the_store_and_of_those_with_a_lease(api: Any) -> None:
    listed = api("GET", "/api/v1/componentstatuses")
    assert (listed.code, listed.body["kind"]) == (200, "ComponentStatusList")
    assert "v1 ComponentStatus is deprecated in v1.19+" in listed.headers["warning"]
    store = api("GET", "/api/v1/componentstatuses/etcd-0").body
    assert store["conditions"] == [{"type": "Healthy", "status": "True", "message": "ok"}]
    lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
    spec = {"holderIdentity": "x", "leaseDurationSeconds": 15, "renewTime": "2020-01-01T00:00:00.000000Z"}
    assert api("POST", lease, {"metadata": {"name": "kube-scheduler"}, "spec": spec}).code == 201
    try:
        shown = api.kubectl("get", "componentstatuses").stdout.splitlines()
        assert [line.split()[:2] for line in shown[1:]] == [["scheduler", "Unhealthy"], ["etcd-0", "Healthy"]]
    finally:
        api("DELETE", f"{lease}/kube-scheduler")
    assert api("GET", "/api/v1/componentstatuses/none").code == 404
    assert api("POST", "/api/v1/componentstatuses", {}).code == 405
