"""kubectl, unmodified, against a real apiserver process."""

from __future__ import annotations

import json
from typing import Any

import pytest

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
    made = run(api, "-n", namespace, "create", "--validate=ignore", "-f", "-", stdin=json.dumps(config))
    assert made == "configmap/one created\n"
    assert json.loads(run(api, "-n", namespace, "get", "configmap", "one", "-o", "json"))["data"] == {"a": "b"}
    listed = run(api, "-n", namespace, "get", "configmaps", "-o", "name")
    assert "configmap/one" in listed
    assert "deleted" in run(api, "-n", namespace, "delete", "configmap", "one")
    assert api.kubectl("-n", namespace, "get", "configmap", "one").returncode == 1


def test_pod_is_created_from_standard_input(api: Any, namespace: str) -> None:
    assert (
        run(api, "-n", namespace, "create", "--validate=ignore", "-f", "-", stdin=json.dumps(POD))
        == "pod/web created\n"
    )
    assert "web" in run(api, "-n", namespace, "get", "pods")
    assert "web" in run(api, "get", "pods", "-A", "-l", "app=web")


def test_missing_pod_is_named(api: Any, namespace: str) -> None:
    done = api.kubectl("-n", namespace, "get", "pod", "nope")
    assert done.stderr == 'Error from server (NotFound): pods "nope" not found\n'


@pytest.mark.parametrize("words", [("version",), ("api-resources",), ("api-versions",), ("get", "namespaces")])
def test_read_only_commands(api: Any, words: tuple[str, ...]) -> None:
    assert run(api, *words)
