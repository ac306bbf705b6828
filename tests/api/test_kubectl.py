"""kubectl at two minor versions, unmodified, against a real apiserver process."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("kubectl_minor")

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "nginx"}]},
}


def run(api: Any, *arguments: str, stdin: str = "") -> str:
    done = api.kubectl(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_configmap_from_create_to_delete(api: Any, namespace: str) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "b"}}
    made = run(api, "-n", namespace, "create", "-f", "-", stdin=json.dumps(config))
    assert made == "configmap/one created\n"
    assert json.loads(run(api, "-n", namespace, "get", "configmap", "one", "-o", "json"))["data"] == {"a": "b"}
    listed = run(api, "-n", namespace, "get", "configmaps", "-o", "name")
    assert "configmap/one" in listed
    assert "deleted" in run(api, "-n", namespace, "delete", "configmap", "one")
    assert api.kubectl("-n", namespace, "get", "configmap", "one").returncode == 1


def test_pod_is_created_from_standard_input(api: Any, namespace: str) -> None:
    assert run(api, "-n", namespace, "create", "-f", "-", stdin=json.dumps(POD)) == "pod/web created\n"
    assert "web" in run(api, "-n", namespace, "get", "pods")
    assert "web" in run(api, "get", "pods", "-A", "-l", "app=web")


def test_missing_pod_is_named(api: Any, namespace: str) -> None:
    done = api.kubectl("-n", namespace, "get", "pod", "nope")
    assert done.stderr == 'Error from server (NotFound): pods "nope" not found\n'


@pytest.mark.parametrize("words", [("version",), ("api-resources",), ("api-versions",), ("get", "namespaces")])
def test_read_only_commands(api: Any, words: tuple[str, ...]) -> None:
    assert run(api, *words)


def deployment(replicas: int, image: str) -> str:
    labels = {"app": "web"}
    containers = [{"name": "web", "image": image}, {"name": "side", "image": "side:1"}]
    return json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
            },
        }
    )


def test_apply_merges_what_changed(api: Any, namespace: str) -> None:
    apply = ("-n", namespace, "apply", "-f", "-")
    assert run(api, *apply, stdin=deployment(1, "web:1")) == "deployment.apps/web created\n"
    assert run(api, *apply, stdin=deployment(1, "web:1")) == "deployment.apps/web unchanged\n"
    assert run(api, *apply, stdin=deployment(3, "web:2")) == "deployment.apps/web configured\n"
    spec = json.loads(run(api, "-n", namespace, "get", "deploy", "web", "-o", "json"))["spec"]
    assert (spec["replicas"], [c["image"] for c in spec["template"]["spec"]["containers"]]) == (3, ["web:2", "side:1"])


def test_everyday_changes(api: Any, namespace: str) -> None:
    run(api, "-n", namespace, "create", "-f", "-", stdin=deployment(1, "web:1"))
    assert run(api, "-n", namespace, "label", "deploy/web", "color=blue") == "deployment.apps/web labeled\n"
    assert run(api, "-n", namespace, "annotate", "deploy/web", "note=x") == "deployment.apps/web annotated\n"
    assert run(api, "-n", namespace, "scale", "deploy/web", "--replicas=4") == "deployment.apps/web scaled\n"
    assert "image updated" in run(api, "-n", namespace, "set", "image", "deploy/web", "web=web:3")
    got = json.loads(run(api, "-n", namespace, "get", "deploy/web", "-o", "json"))
    assert (got["metadata"]["labels"]["color"], got["spec"]["replicas"]) == ("blue", 4)
    assert got["spec"]["template"]["spec"]["containers"][0]["image"] == "web:3"
    assert "web" in run(api, "-n", namespace, "get", "all")
    assert run(api, "-n", namespace, "delete", "deploy/web").startswith('deployment.apps "web" deleted')


def test_strict_validation_finds_a_misspelt_field(api: Any, namespace: str) -> None:
    wrong = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "datas": {"a": "b"}})
    done = api.kubectl("-n", namespace, "apply", "-f", "-", stdin=wrong)
    assert done.returncode == 1
    assert 'unknown field "datas"' in done.stderr


def test_explain_describes_a_field(api: Any) -> None:
    assert "FIELD: replicas <integer>" in run(api, "explain", "deployment.spec.replicas")


def test_wait_sees_a_deletion(api: Any, namespace: str) -> None:
    run(api, "-n", namespace, "create", "-f", "-", stdin=json.dumps(POD))
    run(api, "-n", namespace, "delete", "pod", "web", "--wait=false")
    run(api, "-n", namespace, "wait", "--for=delete", "pod/web", "--timeout=10s")


def test_describe_reads_events(api: Any, namespace: str) -> None:
    run(api, "-n", namespace, "create", "-f", "-", stdin=json.dumps(POD))
    described = run(api, "-n", namespace, "describe", "pod", "web")
    assert "Image:" in described
    assert "Events:" in described


def test_diff_shows_what_apply_would_change(api: Any, namespace: str) -> None:
    apply = ("-n", namespace, "apply", "-f", "-")
    run(api, *apply, stdin=deployment(1, "web:1"))
    done = api.kubectl("-n", namespace, "diff", "-f", "-", stdin=deployment(2, "web:1"))
    assert done.returncode == 1, done.stderr
    assert "-  replicas: 1\n+  replicas: 2\n" in done.stdout
    assert run(api, "-n", namespace, "diff", "-f", "-", stdin=deployment(1, "web:1")) == ""


def test_replace_needs_the_version_that_is_stored(api: Any, namespace: str) -> None:
    run(api, "-n", namespace, "create", "configmap", "one", "--from-literal=a=b")
    stored = json.loads(run(api, "-n", namespace, "get", "configmap", "one", "-o", "json"))
    stored["data"]["a"] = "c"
    assert run(api, "replace", "-f", "-", stdin=json.dumps(stored)) == "configmap/one replaced\n"
    done = api.kubectl("replace", "-f", "-", stdin=json.dumps(stored))
    assert 'Operation cannot be fulfilled on configmaps "one": the object has been modified' in done.stderr


def test_patch_in_each_of_its_forms(api: Any, namespace: str) -> None:
    run(api, "-n", namespace, "create", "-f", "-", stdin=deployment(1, "web:1"))
    patch = ("-n", namespace, "patch", "deploy/web")
    run(api, *patch, "-p", '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"side:2"}]}}}}')
    run(api, *patch, "--type=merge", "-p", '{"spec":{"replicas":5}}')
    run(api, *patch, "--type=json", "-p", '[{"op":"add","path":"/metadata/labels","value":{"x":"y"}}]')
    got = json.loads(run(api, "-n", namespace, "get", "deploy/web", "-o", "json"))
    assert [c["image"] for c in got["spec"]["template"]["spec"]["containers"]] == ["web:1", "side:2"]
    assert (got["spec"]["replicas"], got["metadata"]["labels"]) == (5, {"x": "y"})


def test_can_i_answers_for_another_user(api: Any, namespace: str) -> None:
    assert run(api, "auth", "can-i", "create", "pods", "-n", namespace) == "yes\n"
    done = api.kubectl("auth", "can-i", "create", "pods", "-n", namespace, "--as=jane")
    assert (done.returncode, done.stdout) == (1, "no\n")
    run(api, "-n", namespace, "create", "rolebinding", "edits", "--clusterrole=edit", "--user=jane")
    assert run(api, "auth", "can-i", "create", "pods", "-n", namespace, "--as=jane") == "yes\n"
    assert "admin" in run(api, "auth", "whoami")


def test_create_token_is_known_by_the_server(api: Any, namespace: str) -> None:
    token = run(api, "-n", namespace, "create", "token", "default").strip()
    assert token.count(".") == 2
