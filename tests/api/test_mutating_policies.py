"""MutatingAdmissionPolicies through a real apiserver: what they make of objects, and what becomes of those that fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

GROUP = "/apis/admissionregistration.k8s.io/v1"
Obj = dict[str, Any]
Policy = Callable[..., str]
CONFIG_MAPS: Obj = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}  # fmt: skip
DEPLOYMENTS: Obj = CONFIG_MAPS | {"apiGroups": ["apps"], "resources": ["deployments"]}


def patch(*operations: str) -> Obj:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{', '.join(operations)}]"}}


def configure(expression: str) -> Obj:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def put(path: str, value: str) -> Obj:
    return patch(f'JSONPatch{{op: "add", path: "{path}", value: {value}}}')


@pytest.fixture
def policy(api: Any, namespace: str) -> Iterator[Policy]:
    """Make a policy with its binding, which means the test's namespace only; both are deleted after the test."""
    made = []

    def create(*mutations: Obj, binding: Obj | None = None, rule: Obj = CONFIG_MAPS, **spec: Any) -> str:
        name = f"{namespace}-{len(made)}"
        constraints = {
            "resourceRules": [rule],
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


@pytest.fixture
def make(api: Any, namespace: str) -> Callable[..., Any]:
    """Create a ConfigMap, or whatever else a body is."""

    def create(body: Obj | None = None, name: str = "c", query: str = "", **data: str) -> Any:
        whole: Obj = body or {"apiVersion": "v1", "kind": "ConfigMap", "data": data}
        whole = whole | {"metadata": {"name": name} | whole.get("metadata", {})}
        version = whole["apiVersion"]
        prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
        return api("POST", f"{prefix}/namespaces/{namespace}/{whole['kind'].lower()}s{query}", whole)

    return create


def deployment(**spec: Any) -> Obj:
    containers = [{"name": "a", "image": "a:1", "env": [{"name": "ONE", "value": "1"}]}]
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": containers}}
    whole = {"replicas": 1, "selector": {"matchLabels": {"app": "a"}}, "template": template} | spec
    return {"apiVersion": "apps/v1", "kind": "Deployment", "spec": whole}


SET_2 = 'JSONPatch{op: "replace", path: "/data/a", value: "2"}'
JSON_PATCHES = {
    "add": (put("/data/b", "'2'"), {"a": "1", "b": "2"}),
    "what the object says": (put("/data/b", "object.data.a + object.metadata.name"), {"a": "1", "b": "1c"}),
    "several": (patch('JSONPatch{op: "copy", from: "/data/a", path: "/data/b"}', 'JSONPatch{op: "remove", path: "/data/a"}'), {"b": "1"}),
    "a test that holds": (patch('JSONPatch{op: "test", path: "/data/a", value: "1"}', SET_2), {"a": "2"}),
    "a test that does not": (patch('JSONPatch{op: "test", path: "/data/a", value: "9"}', SET_2), {"a": "1"}),
    "an object": (put("/data", "Object.data{a: 'x'}"), {"a": "x"}),
    "a map": (put("/data", "{'a': string(1 + 1)}"), {"a": "2"}),
    "nothing": (patch(), {"a": "1"}),
    "conditional": (patch('has(object.z) ? JSONPatch{op: "remove", path: "/data"} : JSONPatch{op: "add", path: "/data/b", value: "n"}'),
                    {"a": "1", "b": "n"}),
}  # fmt: skip


@pytest.mark.parametrize(("mutation", "data"), JSON_PATCHES.values(), ids=JSON_PATCHES)
def test_json_patches(make: Any, policy: Policy, mutation: Obj, data: Obj) -> None:
    policy(mutation)
    answer = make(a="1")
    assert answer.code == 201, answer.body
    assert answer.body["data"] == data


def test_a_key_with_slashes_is_escaped(make: Any, policy: Policy) -> None:
    key = "jsonpatch.escapeKey('example.com/a')"
    empty = 'JSONPatch{op: "add", path: "/metadata/annotations", value: {}}'
    policy(patch(empty, f'JSONPatch{{op: "add", path: "/metadata/annotations/" + {key}, value: "x"}}'))
    answer = make()
    assert answer.code == 201, answer.body["message"]
    assert answer.body["metadata"]["annotations"] == {"example.com/a": "x"}


def test_mutations_of_a_policy_see_each_others_results(make: Any, policy: Policy) -> None:
    more = "Object{spec: Object.spec{replicas: object.spec.replicas + 100}}"
    policy(configure(more), put("/spec/replicas", "object.spec.replicas + variables.ten"), rule=DEPLOYMENTS,
           variables=[{"name": "ten", "expression": "10"}])  # fmt: skip
    assert make(deployment()).body["spec"]["replicas"] == 111


def test_a_configuration_is_merged_by_the_schema(make: Any, policy: Policy) -> None:
    where = "Object.spec.template.spec"
    env = f"{where}.containers.env{{name: 'TWO', value: '2'}}"
    container = f"{where}.containers{{name: 'a', env: [{env}]}}"
    sidecar = f"{where}.initContainers{{name: 'mesh', image: 'mesh:1', restartPolicy: 'Always'}}"
    policy(
        configure(
            f"Object{{metadata: Object.metadata{{labels: {{'team': 'x'}}}}, spec: Object.spec{{template: Object.spec.template{{"
            f"spec: {where}{{containers: [{container}], initContainers: [{sidecar}]}}}}}}}}"
        ),
        rule=DEPLOYMENTS,
    )
    body = make(deployment()).body
    pod = body["spec"]["template"]["spec"]
    assert body["metadata"]["labels"] == {"team": "x"}
    (container_made,) = pod["containers"]
    assert (container_made["image"], container_made["env"]) == (
        "a:1",
        [{"name": "ONE", "value": "1"}, {"name": "TWO", "value": "2"}],
    )
    assert [(each["name"], each["imagePullPolicy"]) for each in pod["initContainers"]] == [("mesh", "IfNotPresent")]


SPOILED = {
    "an unknown field": (
        configure("Object{spec: Object.spec{replicasx: 1}}"),
        "error applying patch: failed to convert patch object to typed object: .spec.replicasx: field not declared in schema",
    ),
    "a wrong name": (
        configure("Object{spec: Object.specx{replicas: 1}}"),
        'type mismatch: unexpected type name "Object.specx", expected "Object.spec", which matches field name path from root Object type',
    ),
    "an atomic struct": (
        configure("Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {'l': 'v'}}}}"),
        "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.selector",
    ),
    "an expression that fails": (
        put("/spec/replicas", "object.nothing"),
        None,
    ),
    "a value that is not there": (
        patch('JSONPatch{op: "replace", path: "/spec/template/spec/containers/-", value: {"name": "x"}}'),
        "JSONPath: replace operation does not apply: doc is missing key: /spec/template/spec/containers/-: missing value",
    ),
}


@pytest.mark.parametrize(("mutation", "said"), SPOILED.values(), ids=SPOILED)
def test_what_fails_refuses_the_request(make: Any, policy: Policy, mutation: Obj, said: str | None) -> None:
    name = policy(mutation, rule=DEPLOYMENTS)
    refused = make(deployment())
    expression = mutation.get("jsonPatch", {}).get("expression")
    said = said or f"expression '{expression}' resulted in error: no such key: nothing"
    message = f"policy '{name}' with binding '{name}' denied request: {said}"
    assert (refused.code, refused.body["reason"], refused.body["message"]) == (403, "Invalid", message)
    assert refused.body["details"]["causes"] == [{"message": message}]


def test_what_fails_is_passed_over_if_the_policy_says_so(make: Any, policy: Policy) -> None:
    policy(put("/data/b", "object.nothing"), put("/data/b", "'2'"), failurePolicy="Ignore")
    assert make(a="1").body["data"] == {"a": "1", "b": "2"}


def test_a_patch_to_something_that_is_no_such_object_is_an_internal_error(make: Any, policy: Policy) -> None:
    policy(put("/nonsense", "1"), failurePolicy="Ignore")
    refused = make()
    assert (refused.code, refused.body["message"]) == (
        500,
        'Internal error occurred: strict decoding error: unknown field "nonsense"',
    )


@pytest.mark.parametrize(
    ("mutation", "code", "said"),
    [
        (put("/metadata/namespace", "'default'"), 400,
         "the namespace of the provided object does not match the namespace sent on the request"),
        (put("/metadata/name", "'No Good'"), 422, "metadata.name: Invalid value: "),
        (put("/data", "['a']"), 500, "Internal error occurred: json: cannot unmarshal array into Go struct field ConfigMap.data"),
        (patch('JSONPatch{op: "remove", path: "/metadata"}'), 500, "the patched object is not an object"),
        (patch('JSONPatch{op: dyn(1), path: dyn([])}'), 403, "JSONPath: error decoding patch: json: cannot unmarshal number"),
        (configure("dyn({'data': {}})"), 403, "unsupported return type from ApplyConfiguration expression"),
        (configure("Object{metadata: 3}"), 403, "error applying patch: failed to convert patch object to typed object: "),
        (configure("Object{data: {'a': dyn(type(1))}}"), 403, "type conversion error from 'type' to 'google.protobuf.Value'"),
    ],
)  # fmt: skip
def test_odd_mutations_are_refused(make: Any, policy: Policy, mutation: Obj, code: int, said: str) -> None:
    policy(mutation)
    refused = make(a="1")
    assert refused.code == code
    assert said in refused.body["message"]


def test_what_only_the_server_says_cannot_be_changed(make: Any, namespace: str, policy: Policy) -> None:
    policy(
        put("/metadata/uid", "'x'"),
        put("/metadata/creationTimestamp", "'2020-01-01T00:00:00Z'"),
        put("/kind", "'Secret'"),
        patch('JSONPatch{op: "remove", path: "/metadata/namespace"}'),
    )
    body = make(a="1").body
    assert (body["kind"], body["metadata"]["namespace"]) == ("ConfigMap", namespace)
    assert body["metadata"]["uid"] != "x"
    assert not body["metadata"]["creationTimestamp"].startswith("2020")


def test_parameters_conditions_and_bindings(api: Any, make: Any, namespace: str, policy: Policy) -> None:
    body = {"metadata": {"name": "quiet", "labels": {"say": "yes"}}, "data": {"text": "hush"}}
    assert api("POST", f"/api/v1/namespaces/{namespace}/configmaps", body).code == 201
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    conditions = [{"name": "only-c", "expression": "object.metadata.name == 'c' && params.data.text != ''"}]
    policy(put("/data/said", "params.data.text"), paramKind=kind, matchConditions=conditions,
           binding={"paramRef": {"selector": {"matchLabels": {"say": "yes"}}, "parameterNotFoundAction": "Deny"}})  # fmt: skip
    policy(put("/data/never", "'x'"), binding={"matchResources": {"objectSelector": {"matchLabels": {"a": "b"}}}})
    assert make(a="1").body["data"] == {"a": "1", "said": "hush"}
    assert make(name="other", a="1").body["data"] == {"a": "1"}
    name = policy(put("/data/x", "'x'"), paramKind=kind,
                  binding={"paramRef": {"name": "gone", "parameterNotFoundAction": "Deny"}})  # fmt: skip
    refused = make(name="third")
    assert (refused.code, refused.body["reason"]) == (403, "Forbidden")
    assert refused.body["message"] == (
        f"policy '{name}' with binding '{name}' denied request: failed to configure binding: "
        "no params found for policy binding with `Deny` parameterNotFoundAction"
    )


@pytest.mark.parametrize(("again", "seen"), [("IfNeeded", "3"), ("Never", "1")])
def test_reinvocation(make: Any, policy: Policy, again: str, seen: str) -> None:
    policy(put("/data/count", "string(object.data.size())"), reinvocationPolicy=again)
    policy(put("/data/later", "'x'"))
    assert make(a="1").body["data"] == {"a": "1", "later": "x", "count": seen}


def test_policies_see_what_those_before_them_made(make: Any, policy: Policy) -> None:
    policy(put("/data/n", "'1'"), put("/data/n", "object.data.n + '2'"))
    policy(put("/data/n", "object.data.n + '3'"))
    assert make(a="1").body["data"]["n"] == "123"


def test_patches_are_mutated_too(api: Any, make: Any, namespace: str, policy: Policy) -> None:
    assert make(a="1").code == 201
    policy(configure('Object{data: {"stamp": request.operation}}'))
    path, merge = f"/api/v1/namespaces/{namespace}/configmaps/c", {"content-type": "application/merge-patch+json"}
    assert api("PATCH", path, {"data": {"a": "2"}}, headers=merge).body["data"] == {"a": "2", "stamp": "UPDATE"}


def test_own_plug_ins_see_what_policies_made(make: Any, policy: Policy) -> None:
    pods = CONFIG_MAPS | {"resources": ["pods"], "operations": ["CREATE"]}
    policy(patch('JSONPatch{op: "remove", path: "/spec/tolerations"}'), rule=pods)
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    answer = make(pod)
    assert answer.code == 201, answer.body["message"]
    tolerated = [each["key"] for each in answer.body["spec"]["tolerations"]]
    assert tolerated == ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]


def test_an_equivalent_version_is_converted(make: Any, policy: Policy) -> None:
    rule = CONFIG_MAPS | {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"]}
    policy(configure("Object{spec: Object.spec{targetCPUUtilizationPercentage: 42}}"), rule=rule)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    spec = {"scaleTargetRef": target, "maxReplicas": 3}
    body = make({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": spec}).body
    (metric,) = body["spec"]["metrics"]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 42}


def test_updates_and_scale(api: Any, make: Any, namespace: str, policy: Policy) -> None:
    assert make(deployment()).code == 201
    scales = DEPLOYMENTS | {"resources": ["deployments/scale"], "operations": ["UPDATE"]}
    most = "oldObject.spec.replicas + 2"
    least = f"object.spec.replicas > {most} ? {most} : object.spec.replicas"
    policy(configure(f"Object{{spec: Object.spec{{replicas: {least}}}}}"), rule=scales)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/c"
    merge = {"content-type": "application/merge-patch+json"}
    answer = api("PATCH", f"{path}/scale", {"spec": {"replicas": 50}}, headers=merge)
    assert (answer.code, answer.body["spec"]["replicas"]) == (200, 3)
    assert api("GET", path).body["spec"]["replicas"] == 3


def test_a_dry_run_shows_the_mutated_object(api: Any, make: Any, namespace: str, policy: Policy) -> None:
    policy(put("/data/b", "'2'"))
    assert make(query="?dryRun=All", a="1").body["data"] == {"a": "1", "b": "2"}
    assert api("GET", f"/api/v1/namespaces/{namespace}/configmaps/c").code == 404


def test_validating_policies_see_the_mutated_object(api: Any, make: Any, namespace: str, policy: Policy) -> None:
    name = policy(put("/data/a", "'bad'"))
    spec = {
        "matchConstraints": {
            "resourceRules": [CONFIG_MAPS],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        },
        "validations": [{"expression": "object.data.a != 'bad'", "message": "no bad data"}],
    }
    bound = {"policyName": name, "validationActions": ["Deny"]}
    paths = [f"{GROUP}/validatingadmissionpolicies", f"{GROUP}/validatingadmissionpolicybindings"]
    for path, body in zip(paths, (spec, bound), strict=True):
        assert api("POST", path, {"metadata": {"name": name}, "spec": body}).code == 201
    try:
        assert make(a="good").body["message"].endswith("denied request: no bad data")
    finally:
        for path in paths:
            api("DELETE", f"{path}/{name}")


def test_kubectl_applies_what_a_policy_completes(api: Any, namespace: str, policy: Policy) -> None:
    policy(put("/data/b", "'2'"))
    made = api.kubectl("create", "configmap", "c", f"-n{namespace}", "--from-literal=a=1")
    assert made.returncode == 0, made.stderr
    shown = api.kubectl("get", "configmap", "c", f"-n{namespace}", "-o", "jsonpath={.data.b}")
    assert shown.stdout == "2"


def test_a_policy_that_does_not_evaluate_to_a_patch_is_not_accepted(api: Any) -> None:
    spec = {
        "matchConstraints": {"resourceRules": [CONFIG_MAPS]},
        "reinvocationPolicy": "Never",
        "mutations": [configure("'tea'"), {"patchType": "JSONPatch", "jsonPatch": {"expression": "[1]"}}],
    }
    answer = api("POST", f"{GROUP}/mutatingadmissionpolicies", {"metadata": {"name": "refused"}, "spec": spec})
    assert answer.code == 422
    assert [cause["field"] for cause in answer.body["details"]["causes"]] == [
        "spec.mutations[0].applyConfiguration.expression",
        "spec.mutations[1].jsonPatch.expression",
    ]


def test_mutations_are_counted(api: Any, make: Any, policy: Policy) -> None:
    name = policy(put("/data/b", "'2'"), put("/data/c", "object.data.zzz"), failurePolicy="Ignore")
    assert make(a="1").code == 201
    metrics = api("GET", "/metrics").body
    for error in ("no_error", "invalid_error"):
        labels = f'policy="{name}",policy_binding="{name}",error_type="{error}"'
        assert f"apiserver_mutating_admission_policy_check_total{{{labels}}} 1\n" in metrics
        assert f"apiserver_mutating_admission_policy_check_duration_seconds_count{{{labels}}} 1\n" in metrics
