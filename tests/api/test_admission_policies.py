"""ValidatingAdmissionPolicies through a real apiserver: what they see, what they say, and whom they ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

GROUP = "/apis/admissionregistration.k8s.io/v1"
Policy = Callable[..., str]


@pytest.fixture
def policy(api: Any, namespace: str) -> Iterator[Policy]:
    """Make a policy with its binding, which means the test's namespace only; both are deleted after the test."""
    made = []

    def create(
        *validations: dict[str, Any], binding: dict[str, Any] | None = None, resources: Any = None, **spec: Any
    ) -> str:
        name = f"{namespace}-{len(made)}"
        rule = {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["configmaps"],
        }
        constraints = {
            "resourceRules": [rule | (resources or {})],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        }
        whole = {"matchConstraints": constraints, "validations": list(validations)} | spec
        bound = {"policyName": name, "validationActions": ["Deny"]} | (binding or {})
        for plural, body in (("validatingadmissionpolicies", whole), ("validatingadmissionpolicybindings", bound)):
            answer = api("POST", f"{GROUP}/{plural}", {"metadata": {"name": name}, "spec": body})
            assert answer.code == 201, answer.body
            made.append(f"{GROUP}/{plural}/{name}")
        return name

    yield create
    for path in reversed(made):
        api("DELETE", path)


def configmap(api: Any, namespace: str, name: str = "c", query: str = "", **data: str) -> Any:
    body = {"metadata": {"name": name}, "data": data}
    return api("POST", f"/api/v1/namespaces/{namespace}/configmaps{query}", body)


def test_a_request_is_refused_in_upstreams_words(api: Any, namespace: str, policy: Policy) -> None:
    name = policy({"expression": "!has(object.data) || object.data.a != 'bad'", "message": "no bad data"})
    refused = configmap(api, namespace, a="bad")
    said = f"ValidatingAdmissionPolicy '{name}' with binding '{name}' denied request: no bad data"
    assert (refused.code, refused.body["reason"]) == (422, "Invalid")
    assert refused.body["message"] == f'configmaps "c" is forbidden: {said}'
    assert refused.body["details"] == {"name": "c", "kind": "configmaps", "causes": [{"message": said}]}
    assert configmap(api, namespace, a="good").code == 201
    patched = api(
        "PATCH",
        f"/api/v1/namespaces/{namespace}/configmaps/c",
        {"data": {"a": "bad"}},
        headers={"content-type": "application/merge-patch+json"},
    )
    assert patched.code == 422


@pytest.mark.parametrize(
    ("validation", "code", "message"),
    [
        ({"expression": "false"}, 422, "failed expression: false"),
        ({"expression": "false", "messageExpression": "'name ' + object.metadata.name"}, 422, "name c"),
        ({"expression": "false", "messageExpression": "object.zzz", "message": "plain"}, 422, "plain"),
        ({"expression": "false", "reason": "Forbidden", "message": "m"}, 403, "m"),
        ({"expression": "false", "reason": "RequestEntityTooLarge", "message": "m"}, 413, "m"),
        ({"expression": "object.zzz == 1"}, 422, "expression 'object.zzz == 1' resulted in error: no such key: zzz"),
        ({"expression": "variables.broken == 1"}, 422,
         "expression 'variables.broken == 1' resulted in error: composited variable \"broken\" fails to evaluate: no such key: nothing"),
    ],
)  # fmt: skip
def test_messages_and_reasons(
    api: Any, namespace: str, policy: Policy, validation: Any, code: int, message: str
) -> None:
    policy(validation, variables=[{"name": "broken", "expression": "object.nothing"}])
    refused = configmap(api, namespace)
    assert refused.code == code
    assert refused.body["message"].endswith(f" denied request: {message}")


HOLDING = {
    "request": "request.operation == 'CREATE' && request.kind.kind == 'ConfigMap' && request.resource.resource == 'configmaps'",
    "user": "request.userInfo.username == 'admin' && 'system:masters' in request.userInfo.groups",
    "old object": "oldObject == null && request.name == object.metadata.name && !request.dryRun",
    "namespace": "namespaceObject.metadata.name == request.namespace && namespaceObject.metadata.creationTimestamp > timestamp(0)",
    "variables": "variables.two == 2 && variables.names == ['c']",
    "authorizer": "authorizer.group('').resource('pods').namespace('x').check('create').allowed()",
    "request's resource": "authorizer.requestResource.check('get').allowed()",
    "service account": "!authorizer.serviceAccount('default', 'nobody').path('/x').check('get').allowed()",
}


@pytest.mark.parametrize("expression", HOLDING.values(), ids=HOLDING)
def test_what_expressions_see(api: Any, namespace: str, policy: Policy, expression: str) -> None:
    variables = [
        {"name": "one", "expression": "1"},
        {"name": "two", "expression": "variables.one + 1"},
        {"name": "names", "expression": "[object.metadata.name]"},
    ]
    policy({"expression": expression}, variables=variables)
    answer = configmap(api, namespace)
    assert answer.code == 201, answer.body


def test_actions_conditions_and_failure_policy(api: Any, namespace: str, policy: Policy) -> None:
    policy({"expression": "false", "message": "beware"}, binding={"validationActions": ["Warn"]})
    policy({"expression": "object.zzz"}, failurePolicy="Ignore")
    policy({"expression": "false"}, matchConditions=[{"name": "c", "expression": "object.metadata.name == 'other'"}])
    policy({"expression": "false"}, resources={"operations": ["DELETE"]})
    policy({"expression": "false"}, binding={"matchResources": {"objectSelector": {"matchLabels": {"a": "b"}}}})
    answer = configmap(api, namespace)
    assert answer.code == 201
    assert answer.headers["warning"].endswith(': beware"')
    assert "Validation failed for ValidatingAdmissionPolicy" in answer.headers["warning"]
    assert configmap(api, namespace, "other").code == 422
    refused = api("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/c")
    assert (refused.code, refused.body["message"].endswith("failed expression: false")) == (422, True)


def test_parameters(api: Any, namespace: str, policy: Policy) -> None:
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    reference = {"name": "limits", "parameterNotFoundAction": "Deny"}
    policy(
        {
            "expression": "object.data.size() <= int(params.data.max)",
            "messageExpression": "'at most ' + params.data.max",
        },
        paramKind=kind,
        binding={"paramRef": reference},
        resources={"resources": ["configmaps"]},
        matchConditions=[{"name": "no-limits", "expression": "object.metadata.name != 'limits'"}],
    )
    missing = configmap(api, namespace, a="1")
    assert "no params found for policy binding with `Deny` parameterNotFoundAction" in missing.body["message"]
    body = {"metadata": {"name": "limits"}, "data": {"max": "1"}}
    assert api("POST", f"/api/v1/namespaces/{namespace}/configmaps", body).code == 422


def test_parameters_found(api: Any, namespace: str, policy: Policy) -> None:
    assert configmap(api, namespace, "limits", max="1").code == 201
    policy(
        {
            "expression": "object.data.size() <= int(params.data.max)",
            "messageExpression": "'at most ' + params.data.max",
        },
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
        binding={"paramRef": {"name": "limits", "parameterNotFoundAction": "Deny"}},
    )
    assert configmap(api, namespace, a="1").code == 201
    assert configmap(api, namespace, "d", a="1", b="2").body["message"].endswith("denied request: at most 1")


def test_an_equivalent_version_is_converted(api: Any, namespace: str, policy: Policy) -> None:
    rule = {"apiGroups": ["autoscaling"], "apiVersions": ["v1"], "resources": ["horizontalpodautoscalers"]}
    policy(
        {"expression": "object.apiVersion == 'autoscaling/v1' && object.spec.targetCPUUtilizationPercentage == 50"},
        resources=rule,
    )
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
    spec = {"scaleTargetRef": target, "maxReplicas": 3, "metrics": [metric]}
    assert api("POST", path, {"metadata": {"name": "h"}, "spec": spec}).code == 201
    metric["resource"]["target"]["averageUtilization"] = 60
    assert api("POST", path, {"metadata": {"name": "i"}, "spec": spec}).code == 422


REFUSED = {
    "validations[0].expression": (
        {"validations": [{"expression": "request.zzz"}]},
        "Invalid value: \"request.zzz\": compilation failed: ERROR: <input>:1:8: undefined field 'zzz'\n | request.zzz\n | .......^",
    ),
    "validations[0].messageExpression": (
        {"validations": [{"expression": "true", "messageExpression": "1"}]},
        'Invalid value: "1": must evaluate to string',
    ),
    "variables[0].expression": (
        {"variables": [{"name": "a", "expression": "variables.b"}], "validations": [{"expression": "true"}]},
        "Invalid value: \"variables.b\": compilation failed: ERROR: <input>:1:10: undefined field 'b'\n | variables.b\n | .........^",
    ),
    "matchConditions[0].expression": (
        {"matchConditions": [{"name": "a", "expression": "1"}], "validations": [{"expression": "true"}]},
        'Invalid value: "1": must evaluate to bool',
    ),
}


@pytest.mark.parametrize(("field", "case"), REFUSED.items(), ids=REFUSED)
def test_expressions_are_checked_when_the_policy_is_written(api: Any, field: str, case: Any) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["pods"]}
    spec = {"matchConstraints": {"resourceRules": [rule]}} | case[0]
    answer = api("POST", f"{GROUP}/validatingadmissionpolicies", {"metadata": {"name": "refused"}, "spec": spec})
    assert answer.code == 422
    assert [(cause["field"], cause["message"]) for cause in answer.body["details"]["causes"]] == [
        (f"spec.{field}", case[1])
    ]


def test_kubectl_shows_the_refusal(api: Any, namespace: str, policy: Policy) -> None:
    name = policy({"expression": "object.metadata.name.startsWith('x-')", "message": "names begin with x-"})
    refused = api.kubectl("create", "configmap", "c", f"-n{namespace}")
    assert refused.returncode == 1
    said = f"ValidatingAdmissionPolicy '{name}' with binding '{name}' denied request: names begin with x-"
    assert refused.stderr.strip() == f'error: failed to create configmap: configmaps "c" is forbidden: {said}'
    assert api.kubectl("create", "configmap", "x-c", f"-n{namespace}").returncode == 0


def test_what_policies_say_is_counted(api: Any, namespace: str, policy: Policy) -> None:
    closed = policy({"expression": "object.data.a != 'bad'"}, binding={"validationActions": ["Deny", "Audit"]})
    open_ = policy({"expression": "object.data.zzz == 'x'"}, failurePolicy="Ignore")
    assert configmap(api, namespace, "good", a="good").code == 201
    assert configmap(api, namespace, "bad", a="bad").code == 422
    assert configmap(api, namespace, "none", b="c").code == 422
    metrics = api("GET", "/metrics").body.splitlines()

    def counted(name: str, error: str, action: str) -> int:
        labels = f'policy="{name}",policy_binding="{name}",error_type="{error}",enforcement_action="{action}"'
        prefix = "apiserver_validating_admission_policy_check"
        found = [line.split()[-1] for line in metrics if line.startswith(f"{prefix}_total{{{labels}}}")]
        assert [
            line.split()[-1] for line in metrics if line.startswith(f"{prefix}_duration_seconds_count{{{labels}}}")
        ] == found
        return int(found[0]) if found else 0

    assert [counted(closed, "no_error", action) for action in ("deny", "audit", "allow")] == [1, 1, 0]
    assert counted(closed, "invalid_error", "deny") == 1
    assert counted(open_, "invalid_error", "allow") == 3
    assert any(line.startswith("apiserver_cel_compilation_duration_seconds_count") for line in metrics)
