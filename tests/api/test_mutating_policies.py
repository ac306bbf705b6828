"""MutatingAdmissionPolicies through a real apiserver: configurations and patches, order, parameters, failures, reinvocation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

GROUP = "/apis/admissionregistration.k8s.io/v1"
Policy = Callable[..., str]


def configuration(expression: str) -> dict[str, Any]:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patch(expression: str) -> dict[str, Any]:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


@pytest.fixture
def policy(api: Any, namespace: str) -> Iterator[Policy]:
    """Make a policy with its binding, which means the test's namespace only; both are deleted after the test."""
    made = []

    def create(
        *mutations: dict[str, Any], binding: dict[str, Any] | None = None, rule: dict[str, Any] | None = None, **spec: Any
    ) -> str:  # fmt: skip
        name = f"{namespace}-{len(made)}"
        everything = {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["configmaps"],
        }
        constraints = {
            "resourceRules": [everything | (rule or {})],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        }
        whole = {"matchConstraints": constraints, "mutations": list(mutations), "reinvocationPolicy": "Never"} | spec
        bound = {"policyName": name} | (binding or {})
        for plural, body in (("mutatingadmissionpolicies", whole), ("mutatingadmissionpolicybindings", bound)):
            answer = api("POST", f"{GROUP}/{plural}", {"metadata": {"name": name}, "spec": body})
            assert answer.code == 201, answer.body
            made.append(f"{GROUP}/{plural}/{name}")
        return name

    yield create
    for path in reversed(made):
        api("DELETE", path)


def configmap(api: Any, namespace: str, name: str = "c", **data: str) -> Any:
    body = {"metadata": {"name": name, "labels": {"a": "b"}}, "data": data}
    return api("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)


def test_a_configuration_is_merged_into_the_object(api: Any, namespace: str, policy: Policy) -> None:
    policy(
        configuration('Object{metadata: Object.metadata{labels: {"team": "x"}}, data: {"by": object.metadata.name}}')
    )
    made = configmap(api, namespace, own="1")
    assert made.code == 201, made.body
    assert made.body["metadata"]["labels"] == {"a": "b", "team": "x"}
    assert made.body["data"] == {"own": "1", "by": "c"}


def test_lists_with_keys_are_merged_by_the_schema(api: Any, namespace: str, policy: Policy) -> None:
    side = 'Object.spec.containers{name: "side", image: "side:1"}'
    policy(
        configuration(f"Object{{spec: Object.spec{{containers: [{side}]}}}}"),
        rule={"resources": ["pods"], "operations": ["CREATE"]},
    )
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    made = api("POST", f"/api/v1/namespaces/{namespace}/pods", pod)
    assert [c["name"] for c in made.body["spec"]["containers"]] == ["web", "side"], made.body
    assert (
        made.body["spec"]["containers"][1]["imagePullPolicy"] == "IfNotPresent"
    )  # what was merged in has its defaults


def test_a_patch_of_expressions(api: Any, namespace: str, policy: Policy) -> None:
    operation = (
        'JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/x"), value: variables.who}'
    )
    policy(
        patch(f'[{operation}] + (has(object.data.drop) ? [JSONPatch{{op: "remove", path: "/data/drop"}}] : [])'),
        variables=[{"name": "who", "expression": "object.metadata.name + '-1'"}],
    )
    made = configmap(api, namespace, drop="1", keep="2").body
    assert made["metadata"]["labels"]["example.com/x"] == "c-1"
    assert made["data"] == {"keep": "2"}


def test_policies_and_mutations_see_what_those_before_them_made(api: Any, namespace: str, policy: Policy) -> None:
    policy(configuration('Object{data: {"n": "1"}}'), configuration('Object{data: {"n": object.data.n + "2"}}'))
    policy(configuration('Object{data: {"n": object.data.n + "3"}}'))
    assert configmap(api, namespace).body["data"] == {"n": "123"}


def test_conditions_and_parameters(api: Any, namespace: str, policy: Policy) -> None:
    configmap(api, namespace, "settings", word="hello")
    reference = {"name": "settings", "namespace": namespace, "parameterNotFoundAction": "Deny"}
    policy(
        configuration('Object{data: {"said": params.data.word}}'),
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"}, binding={"paramRef": reference},
        matchConditions=[{"name": "some", "expression": "object.metadata.name != 'plain'"}],
    )  # fmt: skip
    assert configmap(api, namespace, "one").body["data"] == {"said": "hello"}
    assert "data" not in configmap(api, namespace, "plain").body


@pytest.mark.parametrize(
    ("mutation", "said"),
    [
        (configuration('Object{data: {"x": object.data.missing}}'), "no such key: "),
        (configuration("Object{nope: 1}"), 'unknown field "nope"'),
        (patch('[JSONPatch{op: "test", path: "/data", value: "x"}]'), "JSON Patch: "),
        (patch('[JSONPatch{op: "replace", path: "/metadata", value: "x"}]'), "the result is not an object"),
    ],
)
def test_what_goes_wrong_is_refused_or_let_pass(
    api: Any, namespace: str, policy: Policy, mutation: dict[str, Any], said: str
) -> None:
    name = policy(mutation)
    refused = configmap(api, namespace, own="1")
    assert refused.code == 422
    assert f"policy '{name}' with binding '{name}' denied request: " in refused.body["message"]
    assert said in refused.body["message"]
    open_policy = api("GET", f"{GROUP}/mutatingadmissionpolicies/{name}").body
    open_policy["spec"]["failurePolicy"] = "Ignore"
    assert api("PUT", f"{GROUP}/mutatingadmissionpolicies/{name}", open_policy).code == 200
    assert configmap(api, namespace, own="1").code == 201


def test_atomic_parts_cannot_be_half_said(api: Any, namespace: str, policy: Policy) -> None:
    policy(configuration("Object{spec: Object.spec{tolerations: [Object.spec.tolerations{key: 'a'}]}}"),
           rule={"resources": ["pods"], "operations": ["CREATE"]})  # fmt: skip
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    refused = api("POST", f"/api/v1/namespaces/{namespace}/pods", pod)
    assert refused.code == 422
    assert "may not mutate atomic arrays, maps or structs: .spec." in refused.body["message"]


def test_updates_through_patches_are_changed_too_and_nobody_owns_it(api: Any, namespace: str, policy: Policy) -> None:
    configmap(api, namespace, own="1")
    policy(configuration('Object{data: {"stamp": request.operation}}'))
    changed = api(
        "PATCH", f"/api/v1/namespaces/{namespace}/configmaps/c?fieldManager=me", {"data": {"own": "2"}},
        headers={"content-type": "application/merge-patch+json"},
    ).body  # fmt: skip
    assert changed["data"] == {"own": "2", "stamp": "UPDATE"}


def test_a_policy_is_asked_again_when_a_later_one_changed_the_object(api: Any, namespace: str, policy: Policy) -> None:
    policy(
        configuration('Object{data: {"sides": has(object.data.late) ? "seen" : "unseen"}}'),
        reinvocationPolicy="IfNeeded",
    )
    policy(configuration('Object{data: {"late": "1"}}'))
    assert configmap(api, namespace, own="1").body["data"] == {"own": "1", "sides": "seen", "late": "1"}
