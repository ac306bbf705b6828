"""Helm 4 as a library, unmodified: a release is installed, upgraded, rolled back and uninstalled, by either way of applying."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

CHART = Path(__file__).with_name("chart")
LIMIT = 60
"""Seconds that Helm waits for what it made."""
COMPLETE = {
    "startTime": "2026-01-01T00:00:00Z",
    "completionTime": "2026-01-01T00:00:01Z",
    "succeeded": 1,
    "conditions": [
        {"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:01Z"}
        for kind in ("SuccessCriteriaMet", "Complete")
    ],
}


@pytest.fixture
def jobs_done(api: Any, namespace: str) -> Iterator[list[str]]:
    """Complete every Job of the namespace as it appears, as its controller would; the names of those that were."""
    done: list[str] = []
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    merge = {"content-type": "application/merge-patch+json"}
    ended = threading.Event()

    def complete() -> None:
        while not ended.wait(0.05):
            for name in (job["metadata"]["name"] for job in api("GET", path).body["items"] if not job.get("status")):
                answer = api("PATCH", f"{path}/{name}/status", {"status": COMPLETE}, headers=merge)
                done.append(name if answer.code == 200 else str(answer.body))

    thread = threading.Thread(target=complete, daemon=True)
    thread.start()
    yield done
    ended.set()
    thread.join(LIMIT)


@pytest.fixture(params=[True, False], ids=["server", "client"])
def applies(request: pytest.FixtureRequest) -> bool:
    """Whether Helm applies on the server."""
    return bool(request.param)


@pytest.fixture
def helm(api: Any, namespace: str, applies: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Helm on the namespace, applying on the server (its default), or merging by itself as Helm 3 did,
    which the library's core can and its Python has no word for."""
    options: Callable[..., Any] = helm_python.config._opts

    def client_side(**pairs: Any) -> Any:
        # upgrades and rollbacks go the way that the installation went
        return options(**pairs, **({"server_side_apply": False} if "create_namespace" in pairs else {}))

    if not applies:
        monkeypatch.setattr(helm_python.config, "_opts", client_side)
    with helm_python.Config(kubeconfig_path=api.kubeconfig, namespace=namespace) as config:
        yield config
    crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/frogs.pond.example.com"
    api("DELETE", crd)


@pytest.fixture
def get(api: Any, namespace: str) -> Callable[..., Any]:
    """The object of the release of a resource, or the code why there is none."""
    prefixes = {"deployments": "/apis/apps/v1", "frogs": "/apis/pond.example.com/v1"}

    def read(resource: str, name: str = "web") -> Any:
        answer = api("GET", f"{prefixes.get(resource, '/api/v1')}/namespaces/{namespace}/{resource}/{name}")
        return answer.body if answer.code == 200 else answer.code

    return read


def _kinds(manifest: str) -> list[str]:
    return sorted(each["kind"] for each in yaml.safe_load_all(manifest) if each)


@pytest.mark.timeout(4 * LIMIT)
def test_a_release_lives(
    helm: Any, applies: bool, jobs_done: list[str], get: Callable[..., Any], namespace: str
) -> None:
    install = functools.partial(helm.install, CHART, "web", namespace=namespace, timeout=LIMIT)
    release = install(values={"replicas": 2}, wait="hookOnly")
    assert (release["name"], release["status"], release["revision"]) == ("web", "deployed", 1)
    assert _kinds(release["manifest"]) == ["ConfigMap", "Deployment", "Frog", "Secret", "Service"]
    assert jobs_done == ["web-1"]
    managers = {each["operation"] for each in get("configmaps")["metadata"]["managedFields"]}
    assert managers == {"Apply" if applies else "Update"}
    deployment, service = get("deployments"), get("services")
    assert deployment["spec"]["replicas"] == 2
    assert deployment["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "Helm"}
    assert get("configmaps")["data"] == {"greeting": "hello", "kubernetes": "36", "found": "0"}
    assert get("frogs")["spec"] == {"color": "green"}

    with pytest.raises(helm_python.HelmError, match="cannot reuse a name"):
        install()

    values = {"replicas": 3, "greeting": "good day", "service": False}
    upgrade = functools.partial(helm.upgrade, CHART, "web", values, namespace=namespace, timeout=LIMIT)
    assert "replicas: 3" in upgrade(dry_run="server")["manifest"]
    assert get("deployments")["spec"]["replicas"] == 2
    upgraded = upgrade(wait="hookOnly")
    assert upgraded["revision"] == 2
    assert get("deployments")["spec"]["replicas"] == 3
    assert get("deployments")["metadata"]["uid"] == deployment["metadata"]["uid"]
    assert get("configmaps")["data"]["greeting"] == "good day"
    assert get("services") == 404
    assert jobs_done == ["web-1", "web-2"]

    helm.rollback("web", version=1, timeout=LIMIT, wait="hookOnly")
    assert get("deployments")["spec"]["replicas"] == 2
    assert get("services")["spec"]["ports"] == service["spec"]["ports"]

    assert [each["name"] for each in helm.list()] == ["web"]
    history = [(each["revision"], each["status"]) for each in helm.history("web")]
    assert history == [(1, "superseded"), (2, "superseded"), (3, "deployed")]
    assert "replicas: 3" in helm.status("web", revision=2)["manifest"]
    assert helm.get_values("web", revision=2) == values
    assert helm.get_all("web")["summary"]["revision"] == 3

    helm.uninstall("web", timeout=LIMIT)
    assert [get(each) for each in ("deployments", "services", "configmaps", "secrets", "frogs")] == [404] * 5
    assert helm.list() == []
    with pytest.raises(helm_python.HelmNotFoundError):
        helm.status("web")


def test_what_somebody_else_changed_is_kept_or_taken_back(
    helm: Any, jobs_done: list[str], get: Callable[..., Any], api: Any, namespace: str
) -> None:
    """An upgrade takes back its own fields and keeps those that others added."""
    helm.install(CHART, "web", namespace=namespace, timeout=LIMIT, wait="hookOnly")
    path = f"/api/v1/namespaces/{namespace}/configmaps/web"
    merge = {"content-type": "application/merge-patch+json"}
    assert api("PATCH", path, {"data": {"own": "mine"}}, headers=merge).code == 200
    values = {"greeting": "good day"}
    helm.upgrade(CHART, "web", values, namespace=namespace, timeout=LIMIT, wait="hookOnly")
    data = get("configmaps")["data"]
    assert (data["own"], data["greeting"]) == ("mine", "good day")


def test_a_release_that_the_server_refuses_fails(helm: Any, jobs_done: list[str], namespace: str) -> None:
    with pytest.raises(helm_python.HelmError, match=r"spec\.replicas"):
        helm.install(CHART, "web", {"replicas": -1}, namespace=namespace, timeout=LIMIT, wait="hookOnly")
    assert [each["status"] for each in helm.list(all_states=True)] == ["failed"]
    helm.uninstall("web", timeout=LIMIT)
