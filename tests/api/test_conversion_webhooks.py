"""Conversion webhooks: objects of one definition in two versions that look different, converted by a real HTTPS server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api.conftest import Answer, Api, Authority
from tests.api.json_server import JsonServer
from tests.api.test_custom_resources import CRDS, until

Obj = dict[str, Any]
MERGE = {"content-type": "application/merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}


def convert(obj: Obj, target: str) -> Obj:
    """v1 has a host and a port, v2 an address."""
    spec = dict(obj.get("spec") or {})
    if target.endswith("/v2"):
        spec = {"address": f"{spec.get('host')}:{spec.get('port')}"}
    else:
        host, _, port = spec.get("address", "").partition(":")
        spec = {"host": host, "port": int(port or 0)}
    return {**obj, "apiVersion": target, "spec": spec}


class Server:
    """A conversion webhook; `answer` may be replaced."""

    def __init__(self, authority: Authority) -> None:
        self.reviews: list[Obj] = []
        self.answer: Callable[[Obj], Obj] = self.convert
        self._server = JsonServer(authority, "conversion", self._reply)
        self.client = self._server.client_config("/convert")

    def _reply(self, path: str, headers: dict[str, str], review: Obj) -> tuple[int, Obj]:
        request = review["request"]
        self.reviews.append(request)
        response = {"uid": request["uid"], **self.answer(request)}
        return 200, {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "response": response}

    @staticmethod
    def convert(request: Obj) -> Obj:
        objects = [convert(obj, request["desiredAPIVersion"]) for obj in request["objects"]]
        return {"result": {"status": "Success"}, "convertedObjects": objects}

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def server(authority: Authority) -> Iterator[Server]:
    made = Server(authority)
    yield made
    made.close()


class Routes:
    """A definition of routes, and where its objects are."""

    def __init__(self, api: Api, namespace: str, server: Server) -> None:
        self.api, self.server = api, server
        self.group = f"g{uuid.uuid4().hex[:8]}.example.com"
        self.name = f"routes.{self.group}"
        self._path = f"/apis/{self.group}/{{}}/namespaces/{namespace}/routes"

    def crd(self, stored: str = "v1") -> Obj:
        specs: Obj = {
            "v1": {"host": {"type": "string"}, "port": {"type": "integer", "default": 80}},
            "v2": {"address": {"type": "string", "pattern": "^.+:[0-9]+$"}},
        }
        versions = [
            {
                "name": name, "served": True, "storage": name == stored, "subresources": {"status": {}},
                "additionalPrinterColumns": [{"name": key, "type": "string", "jsonPath": f".spec.{key}"} for key in spec],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "required": [next(iter(spec))], "properties": spec},
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                }}},
            }
            for name, spec in specs.items()
        ]  # fmt: skip
        webhook = {"clientConfig": self.server.client, "conversionReviewVersions": ["v1"]}
        return {
            "metadata": {"name": self.name},
            "spec": {
                "group": self.group, "scope": "Namespaced", "names": {"plural": "routes", "kind": "Route"}, "versions": versions,
                "conversion": {"strategy": "Webhook", "webhook": webhook},
            },
        }  # fmt: skip

    def path(self, version: str, name: str = "") -> str:
        return self._path.format(version) + (f"/{name}" if name else "")

    def create(self, version: str, name: str, query: str = "", **spec: Any) -> Answer:
        body = {"apiVersion": f"{self.group}/{version}", "kind": "Route", "metadata": {"name": name}, "spec": spec}
        return self.api("POST", self.path(version) + query, body)

    def get(self, version: str, name: str) -> Obj:
        return self.api("GET", self.path(version, name)).body


@pytest.fixture
def routes(api: Api, namespace: str, server: Server) -> Iterator[Routes]:
    made = Routes(api, namespace, server)
    defined = api("POST", CRDS, made.crd())
    assert defined.code == 201, defined.body
    until(lambda: api("GET", made.path("v1")).code == 200)
    yield made
    server.answer = server.convert
    api("DELETE", f"{CRDS}/{made.name}")
    until(lambda: api("GET", f"{CRDS}/{made.name}").code == 404)


def test_what_is_written_in_one_version_is_read_in_the_other(api: Api, routes: Routes) -> None:
    assert routes.create("v1", "one", host="a").body["spec"] == {"host": "a", "port": 80}
    assert routes.get("v2", "one")["spec"] == {"address": "a:80"}
    made = routes.create("v2", "two", address="b:81")
    assert (made.code, made.body["apiVersion"], made.body["spec"]) == (201, f"{routes.group}/v2", {"address": "b:81"})
    assert routes.get("v1", "two")["spec"] == {"host": "b", "port": 81}
    changed = api("PATCH", routes.path("v2", "one"), {"spec": {"address": "c:82"}}, headers=MERGE)
    assert changed.body["spec"] == {"address": "c:82"}
    assert changed.body["metadata"]["generation"] == 2
    replaced = api("PUT", routes.path("v2", "one"), changed.body | {"spec": {"address": "d:83"}})
    assert (replaced.code, routes.get("v1", "one")["spec"]) == (200, {"host": "d", "port": 83})
    status = api("PATCH", routes.path("v2", "one") + "/status", {"status": {"ok": True}}, headers=MERGE)
    assert (status.code, status.body["status"], status.body["spec"]) == (200, {"ok": True}, {"address": "d:83"})
    listed = api("GET", routes.path("v2")).body
    assert [item["spec"]["address"] for item in listed["items"]] == ["d:83", "b:81"]
    assert listed["apiVersion"] == f"{routes.group}/v2"


def test_a_list_is_converted_by_one_question_and_remembered(api: Api, routes: Routes) -> None:
    for number in range(20):
        routes.create("v1", f"r{number}", host="a", port=number)
    routes.server.reviews.clear()
    assert len(api("GET", routes.path("v2")).body["items"]) == 20
    assert [len(review["objects"]) for review in routes.server.reviews] == [20]
    assert len(api("GET", routes.path("v2")).body["items"]) == 20
    assert len(routes.server.reviews) == 1
    assert len(api("GET", routes.path("v1")).body["items"]) == 20
    assert len(routes.server.reviews) == 1  # the stored version asks nobody


def test_kubectl_shows_each_version_with_its_columns(api: Api, routes: Routes, namespace: str) -> None:
    routes.create("v1", "one", host="a")
    for version, expected in (("v1", "a 80"), ("v2", "a:80")):
        shown = api.kubectl("-n", namespace, "get", f"routes.{version}.{routes.group}", "--no-headers")
        assert shown.stdout.split() == ["one", *expected.split()], shown.stderr


def test_each_version_is_judged_by_its_own_schema(routes: Routes) -> None:
    refused = routes.create("v2", "bad", address="nonsense")
    assert refused.code == 422
    assert "spec.address" in refused.body["message"]
    assert routes.create("v1", "bad", port=1).code == 422


def test_watches_are_converted_in_order(api: Api, routes: Routes) -> None:
    routes.create("v1", "one", host="a")
    stream = api.watch(routes.path("v2") + "?watch=1")
    try:
        first = json.loads(next(stream))
        assert (first["type"], first["object"]["spec"]) == ("ADDED", {"address": "a:80"})
        for port in range(5):
            api("PATCH", routes.path("v1", "one"), {"spec": {"port": port}}, headers=MERGE)
        api("DELETE", routes.path("v1", "one"))
        seen = [json.loads(next(stream)) for _ in range(6)]
        assert [event["object"]["spec"]["address"] for event in seen] == [*(f"a:{port}" for port in range(5)), "a:4"]
        assert [event["type"] for event in seen] == ["MODIFIED"] * 5 + ["DELETED"]
        assert {event["object"]["apiVersion"] for event in seen} == {f"{routes.group}/v2"}
    finally:
        stream.close()


def test_configurations_are_applied_in_either_version(api: Api, routes: Routes) -> None:
    def apply(version: str, manager: str, query: str = "", **spec: Any) -> Answer:
        body = {"apiVersion": f"{routes.group}/{version}", "kind": "Route", "metadata": {"name": "one"}, "spec": spec}
        return api("PATCH", f"{routes.path(version, 'one')}?fieldManager={manager}{query}", body, headers=APPLY)

    assert apply("v2", "a", address="x:1").code == 201
    refused = apply("v1", "b", host="y", port=1)
    assert refused.code == 409
    assert 'conflict with "a": ' in refused.body["message"]
    forced = apply("v1", "b", "&force=true", host="y", port=1)
    assert forced.code == 200
    assert routes.get("v2", "one")["spec"] == {"address": "y:1"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"result": {"status": "Failed", "message": "no way"}}, "failed: no way"),
        ({"result": {"status": "Failed"}}, "failed: response.result.status was 'Failed', not 'Success'"),
        ({}, "failed: response.result.status was '', not 'Success'"),
        ({"uid": "other"}, 'failed: expected response.uid="'),
        ({"result": {"status": "Success"}, "convertedObjects": []}, "returned 0 objects, expected 1"),
        ({"result": {"status": "Success"}, "convertedObjects": [1]}, "returned invalid object at index 0: must be an object"),
    ],
)  # fmt: skip
def test_what_a_webhook_gets_wrong_is_told(api: Api, routes: Routes, answer: Obj, said: str) -> None:
    routes.create("v1", "one", host="a")
    routes.server.answer = lambda request: answer
    refused = api("GET", routes.path("v2", "one"))
    assert refused.code == 500
    assert refused.body["message"].startswith(f"conversion webhook for {routes.group}/v1, Kind=Route {said}")
    assert api("GET", routes.path("v1", "one")).code == 200


def meddling(**metadata: Any) -> Callable[[Obj], Obj]:
    """Convert, and change the metadata."""

    def answer(request: Obj) -> Obj:
        response = Server.convert(request)
        for obj in response["convertedObjects"]:
            obj["metadata"] = {**obj["metadata"], **metadata}
        return response

    return answer


def test_only_labels_and_annotations_may_be_changed(api: Api, routes: Routes) -> None:
    routes.create("v1", "one", host="a")
    routes.server.answer = meddling(finalizers=["x/y"], labels={"by": "hook"}, generation=99)
    metadata = routes.get("v2", "one")["metadata"]
    assert metadata["labels"] == {"by": "hook"}
    assert metadata["generation"] == 1
    assert "finalizers" not in metadata


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"name": "two"}, "invalid object: must have the same name: one != two"),
        ({"namespace": ""}, "invalid object: must have the same namespace: "),
        ({"uid": "x"}, "invalid object: must have the same UID: "),
        ({"labels": {"a": 1}}, "invalid metadata: metadata.labels[a] must be a string, but is int64 in converted object"),
        ({"labels": []}, "invalid metadata: invalid metadata.labels of type []interface {} in converted object"),
        ({"labels": {"a b": "c"}}, 'invalid metadata: metadata.labels: Invalid value: "a b": name part must consist of'),
    ],
)  # fmt: skip
def test_metadata_that_may_not_be_changed_is_told(api: Api, routes: Routes, metadata: Obj, said: str) -> None:
    routes.create("v1", "one", host="a")
    routes.server.answer = meddling(**metadata)
    refused = api("GET", routes.path("v2", "one"))
    assert refused.code == 500
    assert refused.body["message"].startswith(f"conversion webhook for {routes.group}/v1, Kind=Route returned {said}")


def test_what_a_list_gets_wrong_is_told_by_its_place(api: Api, routes: Routes) -> None:
    for name in ("one", "two"):
        routes.create("v1", name, host="a")

    def answer(request: Obj) -> Obj:
        response = Server.convert(request)
        response["convertedObjects"][1]["apiVersion"] = "other/v2"
        return response

    routes.server.answer = answer
    refused = api("GET", routes.path("v2"))
    wanted = f"invalid groupVersion (expected {routes.group}/v2, received other/v2)"
    said = (
        f"conversion webhook for {routes.group}/v1, Kind=Route returned invalid converted object at index 1: {wanted}"
    )
    assert (refused.code, refused.body["message"]) == (500, said)


def test_objects_of_an_earlier_storage_version_are_converted(api: Api, routes: Routes) -> None:
    routes.create("v1", "one", host="a", port=7)
    current = api("GET", f"{CRDS}/{routes.name}").body
    moved = api("PUT", f"{CRDS}/{routes.name}", current | {"spec": routes.crd("v2")["spec"]})
    assert moved.code == 200, moved.body
    assert moved.body["status"]["storedVersions"] == ["v1", "v2"]
    until(lambda: routes.create("v2", "probe", "?dryRun=All", address="p:1").code == 201)
    assert routes.get("v2", "one")["spec"] == {"address": "a:7"}
    assert routes.get("v1", "one")["spec"] == {"host": "a", "port": 7}
    changed = api("PATCH", routes.path("v1", "one"), {"spec": {"port": 8}}, headers=MERGE)
    assert changed.body["spec"] == {"host": "a", "port": 8}


ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@pytest.fixture
def mutating(api: Api, namespace: str, routes: Routes) -> Iterator[Callable[[Obj], None]]:
    """Make a policy that sees routes as v2, in whichever version they are written; it is deleted after the test."""
    paths = [f"{ADMISSION}/mutatingadmissionpolicies", f"{ADMISSION}/mutatingadmissionpolicybindings"]

    def make(mutation: Obj) -> None:
        rule = {"apiGroups": [routes.group], "apiVersions": ["v2"], "operations": ["*"], "resources": ["routes"]}
        spec = {
            "matchConstraints": {"resourceRules": [rule]},
            "mutations": [mutation],
            "reinvocationPolicy": "Never",
        }
        for path, body in zip(paths, (spec, {"policyName": namespace}), strict=True):
            answer = api("POST", path, {"metadata": {"name": namespace}, "spec": body})
            assert answer.code == 201, answer.body

    yield make
    for path in paths:
        api("DELETE", f"{path}/{namespace}")


@pytest.mark.parametrize(
    "mutation",
    [
        {"patchType": "JSONPatch", "jsonPatch": {"expression": (
            '[JSONPatch{op: "replace", path: "/spec/address", value: "by-" + object.spec.address}]'
        )}},
        {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": (
            'Object{spec: Object.spec{address: "by-" + object.spec.address}}'
        )}},
    ],
    ids=["patch", "configuration"],
)  # fmt: skip
def test_policies_see_the_version_that_they_ask_for(
    api: Api, routes: Routes, mutating: Callable[[Obj], None], mutation: Obj
) -> None:
    mutating(mutation)
    made = routes.create("v1", "one", host="a", port=7)
    assert (made.code, made.body["spec"]) == (201, {"host": "by-a", "port": 7}), made.body
    assert routes.create("v2", "two", address="b:8").body["spec"] == {"address": "by-b:8"}
    changed = api("PATCH", routes.path("v1", "one"), {"spec": {"host": "c"}}, headers=MERGE)
    assert changed.body["spec"] == {"host": "by-c", "port": 7}
    assert routes.get("v2", "one")["spec"] == {"address": "by-c:7"}


def test_configurations_of_policies_fit_the_schema_of_custom_objects(
    routes: Routes, mutating: Callable[[Obj], None]
) -> None:
    expression = "Object{spec: Object.spec{nope: 1}}"
    mutating({"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}})
    refused = routes.create("v1", "one", host="a")
    assert refused.code == 403
    said = (
        "error applying patch: failed to convert patch object to typed object: .spec.nope: field not declared in schema"
    )
    assert refused.body["message"].endswith(said)
