"""Admission webhooks: real HTTPS servers on loopback that change, refuse, fail and tarry."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .conftest import Api, Authority
from .json_server import JsonServer

Obj = dict[str, Any]
ALLOWED: Obj = {"allowed": True}
REGISTRATION = "/apis/admissionregistration.k8s.io/v1"


class Hooks:
    """A webhook server: each path answers with what `on(path, …)` says, and remembers the requests it got."""

    def __init__(self, authority: Authority) -> None:
        self.asked: dict[str, list[Obj]] = {}
        self.paths: dict[str, str] = {}
        self._answers: dict[str, Callable[[Obj], Obj]] = {}
        self.gate = threading.Event()
        self._server = JsonServer(authority, "hook", self._reply, dns=("hook.default.svc",))
        self.port, self.bundle = self._server.port, self._server.bundle

    def _reply(self, path: str, headers: dict[str, str], review: Obj) -> tuple[int, Obj]:
        path, request = path.partition("?")[0], review["request"]
        self.asked.setdefault(path, []).append(request)
        response = {"uid": request["uid"], **self._answers[path](request)}
        return 200, {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response}

    def on(self, path: str, answer: Callable[[Obj], Obj] | Obj) -> Obj:
        """Let a path answer, and return its clientConfig."""
        self._answers[path] = answer if callable(answer) else lambda request: answer
        self.asked[path] = []
        return self._server.client_config(path)

    def close(self) -> None:
        self.gate.set()
        self._server.close()


@pytest.fixture
def hooks(authority: Authority) -> Iterator[Hooks]:
    made = Hooks(authority)
    yield made
    made.close()


Configure = Callable[..., None]


@pytest.fixture
def configure(api: Api, namespace: str) -> Iterator[Configure]:
    """Make configurations that concern ConfigMaps of the test's namespace, unless told otherwise; they are removed after it."""
    made: list[str] = []

    def make(kind: str, name: str, *webhooks: Obj) -> None:
        complete = [_webhook(namespace, number, webhook) for number, webhook in enumerate(webhooks)]
        path = f"{REGISTRATION}/{kind}webhookconfigurations"
        answer = api("POST", path, {"metadata": {"name": name}, "webhooks": complete})
        assert answer.code == 201, answer.body
        made.append(f"{path}/{name}")

    yield make
    for path in made:
        api("DELETE", path)


def rule(*resources: str, group: str = "", version: str = "v1", operations: tuple[str, ...] = ("*",)) -> Obj:
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": list(operations),
        "resources": list(resources),
    }


def _webhook(namespace: str, number: int, webhook: Obj) -> Obj:
    return {
        "name": f"hook{number}.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "rules": [rule("configmaps")],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
    } | webhook


def patch(*operations: Obj) -> Obj:
    return ALLOWED | {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(operations).encode()).decode()}


def put(path: str, value: Any) -> Obj:
    return patch({"op": "add", "path": path, "value": value})


@pytest.fixture
def maps(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def config_map(name: str, **data: str) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_mutation_is_pruned_and_stored(api: Api, hooks: Hooks, configure: Configure, maps: str) -> None:
    answer = patch(
        {"op": "add", "path": "/data", "value": {"added": "by the hook"}},
        {"op": "add", "path": "/nonsense", "value": 1},
        {"op": "add", "path": "/metadata/labels", "value": {"hooked": "yes"}},
    )
    configure("mutating", "mutate", {"clientConfig": hooks.on("/mutate", answer | {"warnings": ["look out"]})})
    made = api("POST", f"{maps}?fieldManager=me", config_map("a"))
    assert made.code == 201, made.body
    assert made.body["data"] == {"added": "by the hook"}
    assert "nonsense" not in made.body
    assert made.body["metadata"]["labels"] == {"hooked": "yes"}
    assert made.headers["warning"] == '299 - "look out"'
    assert api("GET", f"{maps}/a").body["data"] == {"added": "by the hook"}
    (asked,) = hooks.asked["/mutate"]
    assert (asked["operation"], asked["name"], asked["oldObject"], asked["dryRun"]) == ("CREATE", "a", None, False)
    assert asked["kind"] == asked["requestKind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
    assert asked["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
    assert asked["userInfo"]["username"] == "admin"
    assert asked["userInfo"]["groups"] == ["system:masters", "system:authenticated"]
    assert asked["options"] == {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "me"}
    assert asked["object"]["kind"] == "ConfigMap"


def test_update_and_delete(api: Api, hooks: Hooks, configure: Configure, maps: str) -> None:
    configure("validating", "watch", {"clientConfig": hooks.on("/all", ALLOWED | {"warnings": ["seen"]})})
    assert api("POST", maps, config_map("a", x="1")).code == 201
    assert api("PUT", f"{maps}/a", config_map("a", x="2")).code == 200
    merge = {"content-type": "application/merge-patch+json"}
    assert api("PATCH", f"{maps}/a", {"data": {"x": "3"}}, headers=merge).code == 200
    gone = api("DELETE", f"{maps}/a", {"gracePeriodSeconds": 3})
    assert gone.code == 200
    assert gone.headers["warning"] == '299 - "seen"'
    assert api("POST", maps, config_map("b")).code == 201
    assert api("DELETE", maps).code == 200
    seen = hooks.asked["/all"]
    assert [each["operation"] for each in seen] == ["CREATE", "UPDATE", "UPDATE", "DELETE", "CREATE", "DELETE"]
    assert [(each["oldObject"] or {}).get("data") for each in seen[:4]] == [None, {"x": "1"}, {"x": "2"}, {"x": "3"}]
    assert [each["options"]["kind"] for each in seen[:4]] == [
        "CreateOptions", "UpdateOptions", "PatchOptions", "DeleteOptions",
    ]  # fmt: skip
    assert seen[3]["object"] is None
    assert seen[3]["options"]["gracePeriodSeconds"] == 3
    assert seen[5]["name"] == "b"


@pytest.mark.parametrize(
    ("status", "code", "reason", "message"),
    [
        ({"message": "no such luck"}, 400, None, ": no such luck"),
        ({"message": "gone", "code": 410, "reason": "Gone"}, 410, "Gone", ": gone"),
        ({"reason": "Forbidden", "code": 403}, 403, "Forbidden", ": Forbidden"),
        ({}, 400, None, " without explanation"),
        ({"code": 200, "status": "Success"}, 400, None, " without explanation"),
    ],
    ids=["message", "code", "reason", "nothing", "success"],
)
@pytest.mark.parametrize("kind", ["mutating", "validating"])
def test_denial(
    api: Api,
    hooks: Hooks,
    configure: Configure,
    maps: str,
    kind: str,
    status: Obj,
    code: int,
    reason: str,
    message: str,
) -> None:
    denied = {"allowed": False, "status": status, "warnings": ["told so"]}
    configure(kind, "deny", {"clientConfig": hooks.on("/deny", denied)})
    refused = api("POST", maps, config_map("a"))
    assert refused.code == refused.body["code"] == code
    assert refused.body["message"] == f'admission webhook "hook0.example.com" denied the request{message}'
    assert (refused.body.get("reason"), refused.body["status"]) == (reason, "Failure")
    assert refused.headers["warning"] == '299 - "told so"'
    assert api("GET", f"{maps}/a").code == 404


def test_kubectl_shows_the_denial(api: Api, hooks: Hooks, configure: Configure, namespace: str) -> None:
    denied = {"allowed": False, "status": {"message": "not on Sundays"}}
    configure("validating", "kubectl", {"clientConfig": hooks.on("/deny", denied)})
    said = api.kubectl("create", "configmap", "a", f"--namespace={namespace}").stderr
    assert (
        said.strip()
        == 'error: failed to create configmap: admission webhook "hook0.example.com" denied the request: not on Sundays'
    )


@pytest.mark.parametrize("kind", ["mutating", "validating"])
@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
def test_failure_policy(api: Api, configure: Configure, maps: str, kind: str, policy: str) -> None:
    nobody = {"url": "https://127.0.0.1:1/hook"}
    configure(kind, "nobody", {"clientConfig": nobody, "failurePolicy": policy, "timeoutSeconds": 3})
    answer = api("POST", maps, config_map("a"))
    if policy == "Ignore":
        assert answer.code == 201
        return
    assert (answer.code, answer.body["reason"]) == (500, "InternalError")
    assert answer.body["message"] == (
        'Internal error occurred: failed calling webhook "hook0.example.com": failed to call webhook: '
        'Post "https://127.0.0.1:1/hook?timeout=3s": dial tcp 127.0.0.1:1: connect: connection refused'
    )


def test_timeout(api: Api, hooks: Hooks, configure: Configure, maps: str) -> None:
    def tarry(request: Obj) -> Obj:
        hooks.gate.wait(20)
        return ALLOWED

    configure("validating", "slow", {"clientConfig": hooks.on("/slow", tarry), "timeoutSeconds": 1})
    before = _at_webhooks(api)
    answer = api("POST", maps, config_map("a"))
    assert answer.code == 500
    assert answer.body["message"].endswith(f':{hooks.port}/slow?timeout=1s": context deadline exceeded')
    assert _at_webhooks(api) - before >= 1, "the time of webhooks is not the server's own"


def _at_webhooks(api: Api) -> float:
    """Return how many seconds of all creations of ConfigMaps were spent elsewhere."""
    text, target = api("GET", "/metrics").body, 'verb="POST",group="",version="v1",resource="configmaps",subresource=""'
    sums = [
        re.search(rf"^apiserver_request_{name}duration_seconds_sum\{{{target}[^\n]*\}} (.*)$", text, re.MULTILINE)
        for name in ("", "sli_")
    ]
    whole, own = (float(found[1]) if found else 0.0 for found in sums)
    return whole - own


@pytest.mark.parametrize(
    ("kind", "response", "text"),
    [
        ("mutating", ALLOWED | {"uid": "other"}, 'received invalid webhook response: expected response.uid="'),
        ("mutating", ALLOWED | {"patch": "W10="}, "webhook returned response.patch but not response.patchType"),
        ("mutating", ALLOWED | {"patchType": "JSONPatch"}, "webhook returned response.patchType but not response.patch"),
        ("validating", put("/data", {}), "validating webhook may not return response.patch"),
        ("mutating", patch({"op": "remove", "path": "/none"}), "remove operation does not apply: doc is missing path"),
        ("mutating", put("/data", 7), "ConfigMap"),
    ],
    ids=["uid", "no type", "no patch", "validating", "inapplicable", "wrong type"],
)  # fmt: skip
def test_answers_that_make_no_sense(
    api: Api, hooks: Hooks, configure: Configure, maps: str, kind: str, response: Obj, text: str
) -> None:
    configure(kind, "nonsense", {"clientConfig": hooks.on("/nonsense", response)})
    answer = api("POST", maps, config_map("a"))
    assert answer.code == 500
    assert answer.body["message"].startswith("Internal error occurred: ")
    assert text in answer.body["message"]


def test_order_and_reinvocation(api: Api, hooks: Hooks, configure: Configure, maps: str) -> None:
    order: list[str] = []

    def step(name: str, path: str, *, once: bool = False) -> Obj:
        def answer(request: Obj) -> Obj:
            order.append(name)
            data = request["object"].get("data") or {}
            return ALLOWED if name in data else put("/data", data | {name: str(len(data))})

        return hooks.on(path, answer)

    again = {"reinvocationPolicy": "IfNeeded"}
    configure("mutating", "b-second", {"clientConfig": step("third", "/3"), **again})
    configure(
        "mutating", "a-first", {"clientConfig": step("first", "/1"), **again}, {"clientConfig": step("second", "/2")}
    )
    made = api("POST", maps, config_map("a"))
    assert made.body["data"] == {"first": "0", "second": "1", "third": "2"}
    # the first is asked once more since later ones changed the object, the second is never, the third had the last word
    assert order == ["first", "second", "third", "first"]


def test_dry_run(api: Api, hooks: Hooks, configure: Configure, maps: str) -> None:
    configure(
        "mutating", "dry", {"clientConfig": hooks.on("/dry", put("/data", {"a": "b"})), "sideEffects": "NoneOnDryRun"}
    )
    made = api("POST", f"{maps}?dryRun=All", config_map("a"))
    assert (made.code, made.body["data"]) == (201, {"a": "b"})
    assert hooks.asked["/dry"][0]["dryRun"] is True
    assert api("GET", f"{maps}/a").code == 404


def test_service_reference(api: Api, hooks: Hooks, configure: Configure, maps: str) -> None:
    client = hooks.on("/by-service", put("/data", {"by": "service"}))
    service = {"metadata": {"name": "hook"}, "spec": {"type": "ExternalName", "externalName": "localhost"}}
    assert api("POST", "/api/v1/namespaces/default/services", service).code == 201
    try:
        reference = {"namespace": "default", "name": "hook", "path": "/by-service", "port": hooks.port}
        configure("mutating", "service", {"clientConfig": {"service": reference, "caBundle": client["caBundle"]}})
        assert api("POST", maps, config_map("a")).body["data"] == {"by": "service"}
    finally:
        api("DELETE", "/api/v1/namespaces/default/services/hook")


def test_selectors_and_conditions(api: Api, hooks: Hooks, configure: Configure, maps: str) -> None:
    denied = {"allowed": False}
    configure(
        "validating",
        "choosy",
        {"clientConfig": hooks.on("/object", denied), "objectSelector": {"matchLabels": {"a": "b"}}},
        {
            "clientConfig": hooks.on("/condition", denied),
            "matchConditions": [
                {"name": "named", "expression": "object.metadata.name == 'c' && request.operation == 'CREATE'"}
            ],
        },
        {"clientConfig": hooks.on("/elsewhere", denied), "namespaceSelector": {"matchLabels": {"no": "such"}}},
    )
    assert api("POST", maps, config_map("a")).code == 201
    labelled = config_map("b") | {"metadata": {"name": "b", "labels": {"a": "b"}}}
    assert "hook0" in api("POST", maps, labelled).body["message"]
    assert "hook1" in api("POST", maps, config_map("c")).body["message"]


def test_equivalent_versions(api: Api, hooks: Hooks, configure: Configure, namespace: str) -> None:
    older = [rule("horizontalpodautoscalers", group="autoscaling", version="v1")]
    configure(
        "validating",
        "equivalent",
        {"clientConfig": hooks.on("/equivalent", ALLOWED), "rules": older},
        {"clientConfig": hooks.on("/exact", ALLOWED), "rules": older, "matchPolicy": "Exact"},
    )
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 7}},
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}
    spec = {"scaleTargetRef": target, "maxReplicas": 3, "metrics": [metric]}
    path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
    assert api("POST", path, {"metadata": {"name": "a"}, "spec": spec}).code == 201
    (asked,) = hooks.asked["/equivalent"]
    assert hooks.asked["/exact"] == []
    assert (asked["kind"]["version"], asked["requestKind"]["version"]) == ("v1", "v2")
    assert (asked["resource"]["version"], asked["requestResource"]["version"]) == ("v1", "v2")
    assert asked["object"]["apiVersion"] == "autoscaling/v1"
    assert asked["object"]["spec"]["targetCPUUtilizationPercentage"] == 7


def test_subresources(api: Api, hooks: Hooks, configure: Configure, namespace: str) -> None:
    rules = [rule("pods/*"), rule("deployments/*", group="apps")]
    configure("mutating", "sub", {"clientConfig": hooks.on("/sub", ALLOWED), "rules": rules})
    pods = f"/api/v1/namespaces/{namespace}/pods"
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert api("POST", pods, pod).code == 201
    target = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}}
    assert api("POST", f"{pods}/p/binding", target).code == 201
    merge = {"content-type": "application/merge-patch+json"}
    assert api("PATCH", f"{pods}/p/status", {"status": {"phase": "Running"}}, headers=merge).code == 200
    api("GET", f"{pods}/p/exec?command=ls&container=c")
    api("GET", f"{pods}/p/proxy/x/y")
    assert api("POST", f"{pods}/p/eviction", {"metadata": {"name": "p"}}).code == 201
    labels = {"app": "d"}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod["spec"]}}
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    assert api("POST", deployments, {"metadata": {"name": "d"}, "spec": spec}).code == 201
    scale = {"metadata": {"name": "d"}, "spec": {"replicas": 3}}
    assert api("PUT", f"{deployments}/d/scale", scale).code == 200
    seen = [
        (each["operation"], each.get("subResource", ""), each["kind"]["kind"], (each["object"] or {}).get("kind"))
        for each in hooks.asked["/sub"]
    ]
    assert seen == [
        ("CREATE", "", "Pod", "Pod"),
        ("CREATE", "binding", "Binding", "Binding"),
        ("UPDATE", "status", "Pod", "Pod"),
        ("CONNECT", "exec", "PodExecOptions", "PodExecOptions"),
        ("CONNECT", "proxy", "PodProxyOptions", "PodProxyOptions"),
        ("CREATE", "eviction", "Eviction", "Eviction"),
        ("CREATE", "", "Deployment", "Deployment"),
        ("UPDATE", "scale", "Scale", "Scale"),
    ]
    by_name = {each.get("subResource"): each for each in hooks.asked["/sub"]}
    assert by_name["exec"]["object"]["command"] == ["ls"]
    assert by_name["proxy"]["object"]["path"] == "/x/y"
    assert by_name["scale"]["object"]["spec"] == {"replicas": 3}
    assert by_name["scale"]["oldObject"]["spec"] == {"replicas": 1}


def test_scale_can_be_changed(api: Api, hooks: Hooks, configure: Configure, namespace: str) -> None:
    rules = [rule("deployments/scale", group="apps")]
    configure("mutating", "scale", {"clientConfig": hooks.on("/scale", put("/spec/replicas", 2)), "rules": rules})
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    assert api("POST", deployments, {"metadata": {"name": "d"}, "spec": spec}).code == 201
    scaled = api("PUT", f"{deployments}/d/scale", {"metadata": {"name": "d"}, "spec": {"replicas": 9}})
    assert scaled.body["spec"] == {"replicas": 2}
    assert api("GET", f"{deployments}/d").body["spec"]["replicas"] == 2


def test_configurations_are_not_asked_about(api: Api, hooks: Hooks, configure: Configure) -> None:
    everything = rule("*", group="admissionregistration.k8s.io")
    configure("validating", "itself", {"clientConfig": hooks.on("/itself", {"allowed": False}), "rules": [everything]})
    assert api("DELETE", f"{REGISTRATION}/validatingwebhookconfigurations/itself").code == 200
    assert hooks.asked["/itself"] == []


def test_older_reviews(api: Api, hooks: Hooks, configure: Configure, maps: str) -> None:
    client = hooks.on("/older", put("/data", {"older": "yes"}))
    configure("mutating", "older", {"clientConfig": client, "admissionReviewVersions": ["v1beta1"]})
    assert api("POST", maps, config_map("a")).body["data"] == {"older": "yes"}
