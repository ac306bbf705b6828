"""CustomResourceDefinitions end to end: applied, served, changed, deleted, with the real kubectl."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api.conftest import Answer, Api, Apiserver

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LIMIT = 20.0

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "description": "What a widget shall be.",
            "required": ["color"],
            "properties": {
                "color": {"type": "string", "enum": ["red", "green"], "description": "The colour."},
                "replicas": {"type": "integer", "default": 2, "minimum": 0},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "ports": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}, "number": {"x-kubernetes-int-or-string": True}},
                    },
                },
            },
        },
        "status": {
            "type": "object",
            "properties": {
                "replicas": {"type": "integer"},
                "selector": {"type": "string"},
                "phase": {"type": "string"},
            },
        },
    },
}


def version(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}, **more}


WIDGET = version(
    "v1",
    subresources={
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    },
    selectableFields=[{"jsonPath": ".spec.color"}],
    additionalPrinterColumns=[
        {"name": "Color", "type": "string", "jsonPath": ".spec.color"},
        {"name": "Wanted", "type": "integer", "jsonPath": ".spec.replicas", "priority": 1},
    ],
)


class Custom:
    """A definition of a test's own and where its objects are."""

    def __init__(self, api: Api, group: str, namespace: str) -> None:
        self.api, self.group, self.name = api, group, f"widgets.{group}"
        self.path = f"/apis/{group}/v1/namespaces/{namespace}/widgets"

    def crd(self, *versions: dict[str, Any], **names: Any) -> dict[str, Any]:
        given = {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"], "categories": ["tools"], **names}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{given['plural']}.{self.group}"},
            "spec": {
                "group": self.group,
                "scope": "Namespaced",
                "names": given,
                "versions": list(versions or (WIDGET,)),
            },
        }

    def define(self, *versions: dict[str, Any]) -> None:
        made = self.api("POST", CRDS, self.crd(*versions))
        assert made.code == 201, made.body
        self.wait("Established", "True")

    def condition(self, kind: str, name: str = "") -> dict[str, Any]:
        body = self.api("GET", f"{CRDS}/{name or self.name}").body
        return next((c for c in body.get("status", {}).get("conditions", ()) if c["type"] == kind), {})

    def wait(self, kind: str, status: str, name: str = "") -> dict[str, Any]:
        until(lambda: self.condition(kind, name).get("status") == status)
        return self.condition(kind, name)

    def widget(self, name: str, **spec: Any) -> dict[str, Any]:
        return {"apiVersion": f"{self.group}/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}

    def create(self, name: str, query: str = "", **spec: Any) -> Answer:
        return self.api("POST", self.path + query, self.widget(name, **spec))


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < deadline


@pytest.fixture
def custom(api: Api, namespace: str) -> Iterator[Custom]:
    group = f"g{uuid.uuid4().hex[:8]}.example.com"
    made = Custom(api, group, namespace)
    yield made
    for item in api("GET", CRDS).body["items"]:
        if item["spec"]["group"] == group:
            api("DELETE", f"{CRDS}/{item['metadata']['name']}")
    until(lambda: not [i for i in api("GET", CRDS).body["items"] if i["spec"]["group"] == group])


def test_kubectl_applies_waits_creates_shows_and_deletes(api: Api, custom: Custom, namespace: str) -> None:
    applied = api.kubectl("apply", "-f", "-", stdin=json.dumps(custom.crd()))
    assert applied.returncode == 0, applied.stderr
    waited = api.kubectl("wait", "--for=condition=Established", f"crd/{custom.name}", "--timeout=20s")
    assert waited.returncode == 0, waited.stderr
    created = api.kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(custom.widget("one", color="red")))
    assert created.stdout == f"widget.{custom.group}/one created\n", created.stderr
    table = api.kubectl("-n", namespace, "get", f"wd.{custom.group}", "-o", "wide").stdout.splitlines()
    assert [line.split() for line in table] == [["NAME", "COLOR", "WANTED"], ["one", "red", "2"]]
    explained = api.kubectl("explain", f"widgets.{custom.group}.spec")
    assert "What a widget shall be." in explained.stdout, explained.stderr
    assert "color\t<string> -required-" in explained.stdout
    patched = api.kubectl("-n", namespace, "patch", "wd", "one", "--type=merge", "-p", '{"spec":{"color":"green"}}')
    assert patched.returncode == 0, patched.stderr
    scaled = api.kubectl("-n", namespace, "scale", f"widgets.{custom.group}/one", "--replicas=5")
    assert scaled.returncode == 0, scaled.stderr
    stored = api("GET", f"{custom.path}/one").body
    assert (stored["spec"], stored["metadata"]["generation"]) == ({"color": "green", "replicas": 5}, 3)
    deleted = api.kubectl("-n", namespace, "delete", "widget", "one")
    assert deleted.stdout.startswith(f'widget.{custom.group} "one" deleted'), deleted.stderr


def test_unknown_fields_are_pruned_warned_of_or_refused(custom: Custom) -> None:
    custom.define()
    warned = custom.create("a", "?fieldValidation=Warn", color="red", odd=1, free={"any": "thing"})
    assert warned.code == 201
    assert warned.headers["warning"] == '299 - "unknown field \\"spec.odd\\""'
    assert warned.body["spec"] == {"color": "red", "replicas": 2, "free": {"any": "thing"}}
    strict = custom.create("b", "?fieldValidation=Strict", color="red", odd=1)
    message = 'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.odd"'
    assert (strict.code, strict.body["message"]) == (400, message)


INVALID = [
    (
        {"color": "red", "replicas": "3"},
        '[spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string", '
        ".spec.replicas: Invalid value: 0: .spec.replicas accessor error: 3 is of the type string, expected int64]",
    ),
    ({}, "spec.color: Required value"),
    ({"color": "blue"}, 'spec.color: Unsupported value: "blue": supported values: "red", "green"'),
    (
        {"color": "red", "replicas": -1},
        "[spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0, "
        ".spec.replicas: Invalid value: -1: should be a non-negative integer]",
    ),
    ({"color": "red", "ports": [{"name": "a"}, {"name": "a"}]}, 'spec.ports[1]: Duplicate value: {"name":"a"}'),
]  # fmt: skip


def test_values_are_judged_in_upstreams_words(custom: Custom) -> None:
    custom.define()
    for spec, text in INVALID:
        refused = custom.create("x", **spec)
        message = f'Widget.{custom.group} "x" is invalid: {text}'
        assert (refused.code, refused.body.get("message")) == (422, message)


def test_status_and_scale_have_paths_of_their_own(api: Api, custom: Custom) -> None:
    custom.define()
    widget = custom.widget("one", color="red") | {"status": {"phase": "Made"}}
    assert "status" not in api("POST", custom.path, widget).body
    status = {"status": {"phase": "Ready", "replicas": 1, "selector": "a=b"}, "spec": {"color": "green"}}
    merge = {"content-type": "application/merge-patch+json"}
    patched = api("PATCH", f"{custom.path}/one/status", status, headers=merge).body
    assert (patched["spec"]["color"], patched["status"], patched["metadata"]["generation"]) == (
        "red",
        status["status"],
        1,
    )
    scale = api("GET", f"{custom.path}/one/scale").body
    assert (scale["kind"], scale["spec"], scale["status"]) == (
        "Scale",
        {"replicas": 2},
        {"replicas": 1, "selector": "a=b"},
    )
    assert api("PATCH", f"{custom.path}/one", {"status": None}, headers=merge).body["status"] == status["status"]


def test_without_a_status_path_status_is_like_every_other_field(api: Api, custom: Custom) -> None:
    custom.define(version("v1"))
    made = api("POST", custom.path, custom.widget("one", color="red") | {"status": {"phase": "Made"}}).body
    assert made["status"] == {"phase": "Made"}
    merge = {"content-type": "application/merge-patch+json"}
    changed = api("PATCH", f"{custom.path}/one", {"status": {"phase": "New"}}, headers=merge).body
    assert (changed["status"], changed["metadata"]["generation"]) == ({"phase": "New"}, 2)
    assert api("GET", f"{custom.path}/one/status").code == 404


def test_media_types_that_custom_resources_have_not(api: Api, custom: Custom) -> None:
    custom.define()
    custom.create("one", color="red")
    strategic = {"content-type": "application/strategic-merge-patch+json"}
    assert api("PATCH", f"{custom.path}/one", {"spec": {}}, headers=strategic).code == 415
    assert api("GET", f"{custom.path}/one", headers={"accept": "application/vnd.kubernetes.protobuf"}).code == 406
    protobuf = {"content-type": "application/vnd.kubernetes.protobuf"}
    assert api("POST", custom.path, b"k8s\x00", headers=protobuf).code == 415


def test_two_versions_show_the_same_objects(api: Api, custom: Custom) -> None:
    old = version("v1beta1", storage=False)
    custom.define(WIDGET, old)
    custom.create("one", color="red")
    beta = custom.path.replace("/v1/", "/v1beta1/")
    shown = api("GET", beta).body
    assert (shown["apiVersion"], shown["kind"]) == (f"{custom.group}/v1beta1", "WidgetList")
    assert api("GET", f"{beta}/one").body["apiVersion"] == f"{custom.group}/v1beta1"
    assert "warning" not in api("GET", beta).headers
    crd = api("GET", f"{CRDS}/{custom.name}").body
    assert crd["status"]["storedVersions"] == ["v1"]
    for each in crd["spec"]["versions"]:
        each["storage"] = each["name"] == "v1beta1"
    assert api("PUT", f"{CRDS}/{custom.name}", crd).body["status"]["storedVersions"] == ["v1", "v1beta1"]
    assert api("GET", f"{custom.path}/one").body["apiVersion"] == f"{custom.group}/v1"


@pytest.mark.parametrize("said", ["", "use v1"], ids=["by itself", "in the definition's words"])
def test_a_version_that_is_to_go_is_warned_of(api: Api, custom: Custom, said: str) -> None:
    old = version("v1beta1", storage=False, deprecated=True, **({"deprecationWarning": said} if said else {}))
    custom.define(WIDGET, old)
    custom.create("one", color="red")
    beta = custom.path.replace("/v1/", "/v1beta1/")
    text = said or f"{custom.group}/v1beta1 Widget is deprecated"
    for path in (beta, f"{beta}/one", f"{beta}/none"):
        assert api("GET", path).headers["warning"] == f'299 - "{text}"'
    assert "warning" not in api("GET", custom.path).headers


def test_selectable_fields_choose(api: Api, custom: Custom) -> None:
    custom.define()
    custom.create("r", color="red")
    custom.create("g", color="green")
    found = api("GET", f"{custom.path}?fieldSelector=spec.color%3Dgreen").body["items"]
    assert [item["metadata"]["name"] for item in found] == ["g"]
    refused = api("GET", f"{custom.path}?fieldSelector=spec.size%3D1")
    assert (refused.code, refused.body["message"]) == (400, "field label not supported: spec.size")


def test_a_watch_sees_custom_objects_come_and_go(api: Api, custom: Custom) -> None:
    custom.define()
    with api.watch(f"{custom.path}?watch=1") as stream:
        custom.create("one", color="red")
        event = json.loads(stream.readline())
        assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "one")
        api("DELETE", f"{custom.path}/one")
        assert json.loads(stream.readline())["type"] == "DELETED"


def test_deleting_a_definition_deletes_its_objects_first(api: Api, custom: Custom) -> None:
    custom.define()
    merge = {"content-type": "application/merge-patch+json"}
    custom.create("free", color="red")
    held = custom.widget("held", color="red")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    assert api("POST", custom.path, held).code == 201
    assert api("DELETE", f"{CRDS}/{custom.name}").code == 200
    until(lambda: [i["metadata"]["name"] for i in api("GET", custom.path).body["items"]] == ["held"])
    assert custom.wait("Terminating", "True")["reason"] == "InstanceDeletionInProgress"
    refused = custom.create("late", color="red")
    assert (refused.code, refused.body["message"]) == (
        405,
        "create not allowed while custom resource definition is terminating",
    )
    api("PATCH", f"{custom.path}/held", {"metadata": {"finalizers": None}}, headers=merge)
    until(lambda: api("GET", f"{CRDS}/{custom.name}").code == 404)
    until(lambda: api("GET", custom.path).code == 404)
    groups = [group["name"] for group in api("GET", "/apis").body["groups"]]
    assert custom.group not in groups


def test_names_that_are_taken_are_not_established(api: Api, custom: Custom) -> None:
    custom.define()
    api("POST", CRDS, custom.crd(plural="others", kind="Widget", shortNames=["wd"]))
    other = f"others.{custom.group}"
    refused = custom.wait("NamesAccepted", "False", other)
    assert (refused["reason"], refused["message"]) == ("ListKindConflict", '"WidgetList" is already in use')
    assert custom.condition("Established", other)["reason"] == "NotAccepted"
    api("DELETE", f"{CRDS}/{custom.name}")
    custom.wait("Established", "True", other)


def with_rules(**of_spec: Any) -> dict[str, Any]:
    spec = {
        "type": "object",
        "properties": {"replicas": {"type": "integer"}, "most": {"type": "integer"}, "owner": {"type": "string"}},
        **of_spec,
    }
    return version("v1") | {"schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}}


def test_rules_of_the_schema_are_asked_at_every_write(custom: Custom) -> None:
    rules = [
        {"rule": "self.replicas <= self.most", "message": "replicas must not pass most", "fieldPath": ".replicas"},
        {
            "rule": "self.owner == oldSelf.owner",
            "messageExpression": "'owner stays ' + oldSelf.owner",
            "reason": "FieldValueForbidden",
        },
    ]
    custom.define(with_rules(**{"x-kubernetes-validations": rules}))
    refused = custom.create("a", replicas=3, most=2, owner="x")
    assert refused.code == 422
    said = 'Widget.{} "a" is invalid: spec.replicas: Invalid value: replicas must not pass most'
    assert refused.body["message"] == said.format(custom.group)
    made = custom.create("a", replicas=1, most=2, owner="x")
    assert made.code == 201, made.body
    changed = custom.api("PUT", f"{custom.path}/a", made.body | {"spec": made.body["spec"] | {"owner": "y"}})
    assert (changed.code, "spec: Forbidden: owner stays x" in changed.body["message"]) == (422, True), changed.body
    more = custom.api("PUT", f"{custom.path}/a", made.body | {"spec": made.body["spec"] | {"replicas": 2}})
    assert more.code == 200


def test_a_definition_whose_rule_does_not_compile_is_refused(custom: Custom) -> None:
    crd = custom.crd(with_rules(**{"x-kubernetes-validations": [{"rule": "self.replicsa > 1"}]}))
    refused = custom.api("POST", CRDS, crd)
    assert refused.code == 422
    where = "spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule"
    assert where in refused.body["message"]
    assert "undefined field 'replicsa'" in refused.body["message"]


def test_openapi_describes_what_is_served_now(api: Api, custom: Custom) -> None:
    path = f"apis/{custom.group}/v1"
    assert path not in api("GET", "/openapi/v3").body["paths"]
    custom.define()
    address = api("GET", "/openapi/v3").body["paths"][path]["serverRelativeURL"]
    schemas = api("GET", address).body["components"]["schemas"]
    name = ".".join([*reversed(custom.group.split(".")), "v1", "Widget"])
    assert schemas[name]["x-kubernetes-group-version-kind"] == [
        {"group": custom.group, "version": "v1", "kind": "Widget"}
    ]
    assert schemas[name]["properties"]["spec"]["properties"]["color"]["enum"] == ["red", "green"]
    swagger = api("GET", "/openapi/v2").body
    assert swagger["definitions"][name]["properties"]["spec"]["required"] == ["color"]
    assert f"/{path}/namespaces/{{namespace}}/widgets/{{name}}" in swagger["paths"]
    crd = api("GET", f"{CRDS}/{custom.name}").body
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["size"] = {
        "type": "integer"
    }
    assert api("PUT", f"{CRDS}/{custom.name}", crd).code == 200
    until(lambda: bool(api("GET", "/openapi/v3").body["paths"][path]["serverRelativeURL"] != address))
    assert "size" in api("GET", "/openapi/v2").body["definitions"][name]["properties"]["spec"]["properties"]


def test_kubectl_validates_against_both_openapi_versions(api: Api, custom: Custom, namespace: str) -> None:
    custom.define()
    wrong = json.dumps(custom.widget("one", color="red", odd=1))
    strict = api.kubectl("-n", namespace, "create", "--validate=strict", "-f", "-", stdin=wrong)
    assert 'strict decoding error: unknown field "spec.odd"' in strict.stderr
    accept = {"accept": "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"}
    assert custom.group in api("GET", "/openapi/v2", headers=accept).body


def test_an_update_is_not_answerable_for_faults_that_it_keeps(api: Api, custom: Custom) -> None:
    custom.define()
    custom.create("one", color="red")
    crd = api("GET", f"{CRDS}/{custom.name}").body
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["color"]["enum"] = [
        "blue"
    ]
    address = api("GET", "/openapi/v3").body["paths"][f"apis/{custom.group}/v1"]["serverRelativeURL"]
    assert api("PUT", f"{CRDS}/{custom.name}", crd).code == 200
    until(
        lambda: bool(api("GET", "/openapi/v3").body["paths"][f"apis/{custom.group}/v1"]["serverRelativeURL"] != address)
    )
    merge = {"content-type": "application/merge-patch+json"}
    assert api("PATCH", f"{custom.path}/one", {"spec": {"replicas": 4}}, headers=merge).code == 200
    assert api("PATCH", f"{custom.path}/one", {"spec": {"color": "green"}}, headers=merge).code == 422


def test_a_default_that_comes_later_shows_in_what_is_stored(api: Api, custom: Custom) -> None:
    custom.define()
    custom.create("one", color="red")
    crd = api("GET", f"{CRDS}/{custom.name}").body
    properties = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    properties["size"] = {"type": "string", "default": "medium"}
    assert api("PUT", f"{CRDS}/{custom.name}", crd).code == 200
    until(lambda: api("GET", f"{custom.path}/one").body["spec"].get("size") == "medium")


def test_definitions_outlive_the_server(own_apiserver: Callable[..., Apiserver]) -> None:
    server = own_apiserver()
    api = server.start()
    api("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
    custom = Custom(api, "again.example.com", "n")
    custom.define()
    assert custom.create("one", color="red").code == 201
    server.kill()
    again = server.start()
    assert again("GET", f"{custom.path}/one").body["spec"] == {"color": "red", "replicas": 2}
    assert again("DELETE", f"{CRDS}/{custom.name}").code == 200
    until(lambda: again("GET", f"{CRDS}/{custom.name}").code == 404)


def test_configurations_are_applied_by_the_schema(api: Api, custom: Custom) -> None:
    """Lists with keys are merged, fields without a schema owned one by one, and another version's view is the same fields."""
    other = version("v2") | {"storage": False}
    custom.define(WIDGET, other)

    def apply(manager: str, widget: dict[str, Any], path: str = "") -> Answer:
        headers = {"content-type": "application/apply-patch+yaml"}
        return api("PATCH", f"{path or custom.path}/one?fieldManager={manager}", widget, headers=headers)

    first = custom.widget("one", color="red", ports=[{"name": "a", "number": 1}], free={"x": {"y": 1}})
    assert apply("first", first).code == 201
    second = custom.widget("one", ports=[{"name": "b", "number": "web"}], free={"x": {"z": 2}})
    merged = apply("second", second).body
    assert merged["spec"]["ports"] == [{"name": "a", "number": 1}, {"name": "b", "number": "web"}]
    assert merged["spec"]["free"] == {"x": {"y": 1, "z": 2}}
    newer = custom.widget("one", free={"x": {"y": 3}}) | {"apiVersion": f"{custom.group}/v2"}
    refused = apply("third", newer, custom.path.replace("/v1/", "/v2/"))
    assert (refused.code, refused.body["message"]) == (
        409,
        'Apply failed with 1 conflict: conflict with "first": .spec.free.x.y',
    )
    gone = apply("second", custom.widget("one")).body
    assert gone["spec"] == {
        "color": "red",
        "replicas": 2,
        "ports": [{"name": "a", "number": 1}],
        "free": {"x": {"y": 1}},
    }
    bad = apply("second", custom.widget("one", odd=1))
    assert bad.code == 400
    assert ".spec.odd: field not declared in schema" in bad.body["message"]
