"""Server-side apply and managedFields through a real apiserver: owners, conflicts, merging, hand-over, kubectl."""

from __future__ import annotations

import json
from typing import Any

import pytest

APPLY = {"content-type": "application/apply-patch+yaml"}
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}} | ({"data": data} if data else {})


def deployment(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "nginx:1"}]}}
    selector = {"matchLabels": {"app": "web"}}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"selector": selector, "template": template} | spec,
    }  # fmt: skip


def apply(api: Any, path: str, body: Any, manager: str, query: str = "") -> Any:
    return api("PATCH", f"{path}?fieldManager={manager}{query}", body, headers=APPLY)


def owners(body: Any) -> dict[tuple[str, ...], Any]:
    """The fields of each manager, by name, operation and subresource."""
    return {
        (e["manager"], e["operation"], *([e["subresource"]] if "subresource" in e else [])): e["fieldsV1"]
        for e in body["metadata"].get("managedFields", ())
    }


def test_apply_creates_and_owns_what_it_says(api: Any, namespace: str) -> None:
    path = f"{DEPLOYMENTS.format(namespace)}/web"
    made = apply(api, path, deployment(replicas=2), "a")
    assert made.code == 201
    [entry] = made.body["metadata"]["managedFields"]
    assert entry.pop("time")
    container = {".": {}, "f:image": {}, "f:name": {}}
    template = {
        "f:metadata": {"f:labels": {"f:app": {}}},
        "f:spec": {"f:containers": {'k:{"name":"web"}': container}},
    }
    assert entry == {
        "manager": "a", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": template}},
    }  # fmt: skip
    assert made.body["spec"]["strategy"]["type"] == "RollingUpdate"  # defaults are filled in and belong to nobody
    again = apply(api, path, deployment(replicas=2), "a")
    assert again.code == 200
    assert again.body["metadata"]["resourceVersion"] == made.body["metadata"]["resourceVersion"]


def test_create_and_update_are_written_down(api: Any, namespace: str) -> None:
    path = DEPLOYMENTS.format(namespace)
    body = deployment(replicas=1)
    body["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 80}]
    made = api("POST", path, body, headers={"user-agent": "maker/1.0 (linux)"}).body
    fields = owners(made)["maker", "Update"]
    template = fields["f:spec"]["f:template"]
    assert template["f:metadata"] == {"f:labels": {".": {}, "f:app": {}}}
    assert "." not in fields["f:spec"]
    assert fields["f:spec"]["f:strategy"] == {
        "f:type": {},
        "f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}},
    }
    port = {".": {}, 'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}, "f:protocol": {}}}
    container = template["f:spec"]["f:containers"]['k:{"name":"web"}']
    assert container["f:ports"] == port
    assert "f:status" not in fields
    made["spec"]["replicas"] = 3
    changed = api("PUT", f"{path}/web?fieldManager=scaler", made).body
    assert owners(changed)["scaler", "Update"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in owners(changed)["maker", "Update"]["f:spec"]
    changed["status"] = {"replicas": 3, "conditions": [{"type": "Available", "status": "True"}]}
    reported = api("PUT", f"{path}/web/status?fieldManager=controller", changed).body
    condition = {
        ".": {},
        'k:{"type":"Available"}': {
            ".": {},
            "f:status": {},
            "f:type": {},
            "f:lastTransitionTime": {},
            "f:lastUpdateTime": {},
        },
    }
    held = owners(reported)["controller", "Update", "status"]
    assert held["f:status"]["f:replicas"] == {}
    assert set(held) == {"f:status"}
    assert set(held["f:status"]["f:conditions"]) == set(condition)


def test_conflict_and_force(api: Any, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/one"
    assert apply(api, path, config_map(a="1", b="1"), "first").code == 201
    refused = apply(api, path, config_map(a="2", c="1"), "second")
    assert refused.code == 409
    assert refused.body["reason"] == "Conflict"
    assert refused.body["message"] == 'Apply failed with 1 conflict: conflict with "first": .data.a'
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "first"', "field": ".data.a"}
    assert refused.body["details"]["causes"] == [cause]
    assert apply(api, path, config_map(a="1"), "second").code == 200  # the same value is shared, not fought for
    both = apply(api, path, config_map(a="2", b="2"), "second")
    assert both.body["message"] == 'Apply failed with 2 conflicts: conflicts with "first":\n- .data.a\n- .data.b'
    forced = apply(api, path, config_map(a="2", c="1"), "second", "&force=true").body
    assert forced["data"] == {"a": "2", "b": "1", "c": "1"}
    held = owners(forced)
    assert held["first", "Apply"] == {"f:data": {"f:b": {}}}
    assert held["second", "Apply"] == {"f:data": {"f:a": {}, "f:c": {}}}


def test_what_is_applied_no_more_goes_unless_shared(api: Any, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/one"
    apply(api, path, config_map(mine="1", shared="1"), "first")
    apply(api, path, config_map(shared="1", theirs="1"), "second")
    left = apply(api, path, config_map(), "first").body
    assert left["data"] == {"shared": "1", "theirs": "1"}
    assert set(owners(left)) == {("second", "Apply")}


def test_an_update_counts_as_a_manager_in_conflicts(api: Any, namespace: str) -> None:
    path = DEPLOYMENTS.format(namespace)
    api("POST", f"{path}?fieldManager=maker", deployment(replicas=1))
    refused = apply(api, f"{path}/web", deployment(replicas=5), "gitops")
    assert (
        refused.body["message"] == 'Apply failed with 1 conflict: conflict with "maker" using apps/v1: .spec.replicas'
    )
    scale = {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"replicas": 4},
    }
    assert api("PUT", f"{path}/web/scale?fieldManager=hpa", scale).code == 200
    refused = apply(api, f"{path}/web", deployment(replicas=5), "gitops")
    expected = 'conflict with "hpa" with subresource "scale" using apps/v1: .spec.replicas'
    assert refused.body["message"] == f"Apply failed with 1 conflict: {expected}"
    applied = apply(api, f"{path}/web/scale", scale | {"spec": {"replicas": 6}}, "other", "&force=true")
    assert (applied.code, applied.body["spec"]) == (200, {"replicas": 6})
    assert owners(api("GET", f"{path}/web").body)["other", "Apply", "scale"] == {"f:spec": {"f:replicas": {}}}


def test_lists_are_merged_by_their_keys(api: Any, namespace: str) -> None:
    path = f"{DEPLOYMENTS.format(namespace)}/web"
    apply(api, path, deployment(), "first")
    side = deployment()
    side["spec"]["template"]["spec"]["containers"] = [
        {"name": "side", "image": "side:1", "env": [{"name": "A", "value": "1"}]}
    ]
    merged = apply(api, path, side, "second").body
    assert [c["name"] for c in merged["spec"]["template"]["spec"]["containers"]] == ["web", "side"]
    side["spec"]["template"]["spec"]["containers"] = []
    left = apply(api, path, side, "second").body
    assert [c["name"] for c in left["spec"]["template"]["spec"]["containers"]] == ["web"]


def test_status_is_applied_on_its_own_path(api: Any, namespace: str) -> None:
    path = f"{DEPLOYMENTS.format(namespace)}/web"
    apply(api, path, deployment(replicas=2), "a")
    body = deployment(replicas=7) | {"status": {"replicas": 2}}
    done = apply(api, f"{path}/status", body, "b").body
    assert (done["spec"]["replicas"], done["status"]["replicas"]) == (2, 2)
    assert owners(done)["b", "Apply", "status"] == {"f:status": {"f:replicas": {}}}


def test_managed_fields_can_be_reset_and_are_found_again(api: Any, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = api("POST", path, config_map(a="1")).body
    assert made["metadata"]["managedFields"]
    reset = api(
        "PATCH",
        f"{path}/one",
        {"metadata": {"managedFields": [{}]}},
        headers={"content-type": "application/merge-patch+json"},
    )
    assert "managedFields" not in reset.body["metadata"]
    quiet = api("PUT", f"{path}/one", config_map(a="1", b="1")).body
    assert "managedFields" not in quiet["metadata"]
    refused = apply(api, f"{path}/one", config_map(a="2"), "first")
    assert (
        refused.body["message"] == 'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a'
    )
    assert apply(api, f"{path}/one", config_map(a="1"), "first").code == 200


@pytest.mark.parametrize(
    ("query", "body", "code", "said"),
    [
        ("", config_map(), 422, "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"),
        ("?fieldManager=a", b"{a: b: c}", 400, "error decoding YAML: "),
        ("?fieldManager=a", b"- 1", 400, "error decoding YAML: "),
        ("?fieldManager=a", config_map() | {"nope": 1}, 400, ".nope: field not declared in schema"),
        ("?fieldManager=a", config_map() | {"data": {"a": 1}}, 400, "failed to create typed patch object ("),
        ("?fieldManager=a", config_map() | {"apiVersion": "v2"}, 400, "Specified version: v2, expected: v1"),
        ("?fieldManager=a", {"metadata": {"managedFields": [{"manager": "x"}]}}, 400, "metadata.managedFields must be nil"),
        ("?fieldManager=a", {"metadata": {"name": "two"}}, 400, "does not match the name on the URL"),
        ("?fieldManager=a", {"metadata": {"uid": "1"}}, 409, "uid mismatch"),
    ],
)  # fmt: skip
def test_bad_configurations(api: Any, namespace: str, query: str, body: Any, code: int, said: str) -> None:
    answer = api("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/one{query}", body, headers=APPLY)
    assert answer.code == code
    assert said in answer.body["message"]


def test_force_is_for_configurations(api: Any, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/one?force=true"
    answer = api("PATCH", path, {}, headers={"content-type": "application/merge-patch+json"})
    assert answer.code == 422
    assert "force: Forbidden: may not be specified for non-apply patch" in answer.body["message"]


def test_dry_run_stores_nothing(api: Any, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/one"
    tried = apply(api, path, config_map(a="1"), "a", "&dryRun=All")
    assert (tried.code, tried.body["data"]) == (201, {"a": "1"})
    assert api("GET", path).code == 404


def test_kubectl_applies_diffs_and_takes_over(api: Any, namespace: str, kubectl_minor: str) -> None:
    def run(*arguments: str, stdin: Any = None, codes: tuple[int, ...] = (0,)) -> str:
        done = api.kubectl("-n", namespace, *arguments, stdin=json.dumps(stdin) if stdin else "")
        assert done.returncode in codes, done.stderr
        return str(done.stdout + done.stderr)

    assert run("apply", "-f", "-", stdin=deployment(replicas=1)) == "deployment.apps/web created\n"
    moved = run("apply", "--server-side", "-f", "-", stdin=deployment(replicas=2))
    assert moved == "deployment.apps/web serverside-applied\n"
    body = api("GET", f"{DEPLOYMENTS.format(namespace)}/web").body
    assert body["spec"]["replicas"] == 2
    # kubectl itself moves its client-side fields over, and the annotation to a manager of its own
    assert set(owners(body)) == {("kubectl", "Apply"), ("kubectl-last-applied", "Apply")}
    assert "+  replicas: 3" in run("diff", "--server-side", "-f", "-", stdin=deployment(replicas=3), codes=(1,))
    assert run("diff", "--server-side", "-f", "-", stdin=deployment(replicas=2)) == ""
    run("scale", "deployment/web", "--replicas=9")
    conflict = run("apply", "--server-side", "-f", "-", stdin=deployment(replicas=2), codes=(1,))
    assert 'conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas' in conflict
    run("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=deployment(replicas=2))
    assert "deployment.apps/web configured" in run("apply", "-f", "-", stdin=deployment(replicas=4))
    assert "kubectl" in run("get", "deployment", "web", "-o", "yaml", "--show-managed-fields")


def test_kubectl_prunes_what_is_applied_no_more(api: Any, namespace: str) -> None:
    def applied(*names: str) -> str:
        maps = [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"set": "one"}}}
            for name in names
        ]
        arguments = (
            "-n",
            namespace,
            "apply",
            "--prune",
            "-l",
            "set=one",
            "--prune-allowlist=core/v1/ConfigMap",
            "-f",
            "-",
        )
        done = api.kubectl(*arguments, stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": maps}))
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    applied("a", "b")
    assert "configmap/b pruned" in applied("a")


def test_two_versions_of_one_object(api: Any, namespace: str) -> None:
    """What one manager applied in autoscaling/v1 is seen as fields of v2 by another."""
    path = "/apis/autoscaling/{}/namespaces/" + namespace + "/horizontalpodautoscalers/web"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    old = {
        "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": target, "maxReplicas": 3, "targetCPUUtilizationPercentage": 50},
    }  # fmt: skip
    assert apply(api, path.format("v1"), old, "old").code == 201
    new = {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": target, "maxReplicas": 4},
    }  # fmt: skip
    refused = apply(api, path.format("v2"), new, "new")
    assert refused.body["message"] == 'Apply failed with 1 conflict: conflict with "old": .spec.maxReplicas'
    forced = apply(api, path.format("v2"), new, "new", "&force=true").body
    assert "f:maxReplicas" not in owners(forced)["old", "Apply"]["f:spec"]
    again = apply(
        api, path.format("v2"), old | new | {"spec": new["spec"]}, "old"
    ).body  # moves to v2, and leaves the percentage out
    assert again.get("message") is None
    assert again["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 80  # the default
    assert {e["apiVersion"] for e in again["metadata"]["managedFields"]} == {"autoscaling/v2"}
