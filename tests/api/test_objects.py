"""One object's life over HTTPS: created, read, replaced, patched, deleted; and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"


def configmaps(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def make(api: Any, namespace: str, name: str, **fields: Any) -> Any:
    made = api("POST", configmaps(namespace), {"metadata": {"name": name, **fields.pop("metadata", {})}, **fields})
    assert made.code == 201, made.body
    return made.body


def test_create_fills_in_what_the_server_knows(api: Any, namespace: str) -> None:
    made = make(api, namespace, "one", data={"a": "b"})
    assert (made["kind"], made["apiVersion"]) == ("ConfigMap", "v1")
    assert set(made["metadata"]) >= {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}
    assert api("GET", configmaps(namespace, "one")).body == made


def test_generated_names_differ(api: Any, namespace: str) -> None:
    names = set()
    for _ in range(5):
        made = api("POST", configmaps(namespace), {"metadata": {"generateName": "x-"}})
        assert made.code == 201
        names.add(made.body["metadata"]["name"])
    assert len(names) == 5
    assert all(len(name) == 7 and name.startswith("x-") for name in names)


def test_a_taken_name_conflicts(api: Any, namespace: str) -> None:
    make(api, namespace, "one")
    again = api("POST", configmaps(namespace), {"metadata": {"name": "one"}})
    assert (again.code, again.body["reason"]) == (409, "AlreadyExists")
    assert again.body["message"] == 'configmaps "one" already exists'
    assert again.body["details"] == {"name": "one", "kind": "configmaps"}


@pytest.mark.parametrize(
    ("path", "body", "code", "reason", "text"),
    [
        ("configmaps", {}, 422, "Invalid", "metadata.name: Required value: name or generateName is required"),
        ("configmaps", {"metadata": {"name": "Not_Good"}}, 422, "Invalid", "a lowercase RFC 1123 subdomain must"),
        ("configmaps", {"kind": "Secret", "metadata": {"name": "a"}}, 400, "BadRequest", "cannot be handled as a ConfigMap"),
        ("configmaps", {"apiVersion": "v9", "metadata": {"name": "a"}}, 400, "BadRequest", "does not match the expected API version (v1)"),
        ("configmaps", {"metadata": {"name": "a", "namespace": "elsewhere"}}, 400, "BadRequest", "does not match the namespace"),
        ("configmaps", {"metadata": {"name": "a", "resourceVersion": "5"}}, 500, None, "resourceVersion should not be set"),
        ("configmaps", b"{", 400, "BadRequest", "json parse error"),
        ("configmaps", b"[]", 400, "BadRequest", ""),
        ("gadgets", {}, 404, "NotFound", "the server could not find the requested resource"),
    ],
    ids=["no name", "bad name", "other kind", "other version", "other namespace", "revision", "half", "list", "unknown resource"],
)  # fmt: skip
def test_refused_creations(
    api: Any, namespace: str, path: str, body: Any, code: int, reason: str | None, text: str
) -> None:
    refused = api("POST", f"/api/v1/namespaces/{namespace}/{path}", body)
    assert (refused.code, refused.body.get("reason")) == (code, reason), refused.body
    assert refused.body["kind"] == "Status"
    assert text in refused.body["message"]


def test_a_missing_namespace_is_named(api: Any) -> None:
    refused = api("POST", configmaps("no-such-namespace"), {"metadata": {"name": "a"}})
    assert (refused.code, refused.body["message"]) == (404, 'namespaces "no-such-namespace" not found')


def test_yaml_is_read_and_written(api: Any, namespace: str) -> None:
    body = b"metadata:\n  name: written\ndata:\n  a: b\n"
    headers = {"content-type": "application/yaml", "accept": "application/yaml"}
    made = api("POST", configmaps(namespace), body, headers=headers)
    assert (made.code, made.headers["content-type"]) == (201, "application/yaml")
    assert "a: b" in made.body


@pytest.mark.parametrize(("header", "code"), [({"content-type": "text/csv"}, 415), ({"accept": "image/png"}, 406)])
def test_unknown_media_types(api: Any, namespace: str, header: dict[str, str], code: int) -> None:
    assert api("POST", configmaps(namespace), {"metadata": {"name": "a"}}, headers=header).code == code


def test_update_needs_the_newest_revision(api: Any, namespace: str) -> None:
    old = make(api, namespace, "one", data={"a": "1"})
    new = api("PUT", configmaps(namespace, "one"), old | {"data": {"a": "2"}})
    assert new.code == 200
    assert int(new.body["metadata"]["resourceVersion"]) > int(old["metadata"]["resourceVersion"])
    late = api("PUT", configmaps(namespace, "one"), old | {"data": {"a": "3"}})
    assert (late.code, late.body["reason"]) == (409, "Conflict")
    assert late.body["message"] == (
        'Operation cannot be fulfilled on configmaps "one": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


def test_an_update_without_a_revision_replaces_whatever_is_there(api: Any, namespace: str) -> None:
    make(api, namespace, "one", data={"a": "1"})
    assert api("PUT", configmaps(namespace, "one"), {"metadata": {"name": "one"}, "data": {"b": "2"}}).body["data"] == {
        "b": "2"
    }


def test_an_update_that_changes_nothing_writes_nothing(api: Any, namespace: str) -> None:
    made = make(api, namespace, "one", data={"a": "1"})
    assert api("PUT", configmaps(namespace, "one"), made).body == made


def test_another_objects_uid_conflicts(api: Any, namespace: str) -> None:
    make(api, namespace, "one")
    refused = api("PUT", configmaps(namespace, "one"), {"metadata": {"name": "one", "uid": "other"}})
    assert (refused.code, refused.body["reason"]) == (409, "Conflict")


def test_update_of_what_is_missing(api: Any, namespace: str) -> None:
    refused = api("PUT", configmaps(namespace, "no"), {"metadata": {"name": "no"}})
    assert (refused.code, refused.body["message"]) == (404, 'configmaps "no" not found')


@pytest.mark.parametrize(
    ("kind", "patch", "data"),
    [
        (MERGE, {"data": {"b": "2", "a": None}}, {"b": "2"}),
        (JSON_PATCH, [{"op": "add", "path": "/data/b", "value": "2"}], {"a": "1", "b": "2"}),
        ("application/strategic-merge-patch+json", {"data": {"b": "2"}}, {"a": "1", "b": "2"}),
    ],
    ids=["merge", "json", "strategic"],
)
def test_patches(api: Any, namespace: str, kind: str, patch: Any, data: dict[str, str]) -> None:
    make(api, namespace, "one", data={"a": "1"})
    patched = api("PATCH", configmaps(namespace, "one"), patch, headers={"content-type": kind})
    assert (patched.code, patched.body["data"]) == (200, data)


@pytest.mark.parametrize(
    ("kind", "patch", "code"),
    [
        (JSON_PATCH, {"not": "a list"}, 400),
        (JSON_PATCH, [{"op": "remove", "path": "/data/none"}], 422),
        (JSON_PATCH, [{"op": "test", "path": "/data/a", "value": "9"}], 422),
        (MERGE, [], 400),
        ("application/json", {}, 415),
        (MERGE, {"metadata": {"resourceVersion": "1"}}, 409),
        (MERGE, {"metadata": {"name": "two"}}, 400),
    ],
)
def test_refused_patches(api: Any, namespace: str, kind: str, patch: Any, code: int) -> None:
    made = make(api, namespace, "one", data={"a": "1"})
    assert api("PATCH", configmaps(namespace, "one"), patch, headers={"content-type": kind}).code == code
    assert api("GET", configmaps(namespace, "one")).body == made


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_dry_run_changes_nothing(api: Any, namespace: str, method: str) -> None:
    made = make(api, namespace, "one", data={"a": "1"})
    path = configmaps(namespace) if method == "POST" else configmaps(namespace, "one")
    body = (
        {"metadata": {"name": "two" if method == "POST" else "one"}, "data": {"a": "2"}} if method != "DELETE" else None
    )
    headers = {"content-type": MERGE} if method == "PATCH" else {}
    done = api(method, path + "?dryRun=All", body, headers=headers)
    assert done.code == (201 if method == "POST" else 200), done.body
    assert api("GET", configmaps(namespace, "one")).body == made
    assert api("GET", configmaps(namespace, "two")).code == 404


@pytest.mark.parametrize("query", ["dryRun=Some", "fieldValidation=Maybe", "fieldManager=" + "x" * 129])
def test_wrong_options(api: Any, namespace: str, query: str) -> None:
    refused = api("POST", f"{configmaps(namespace)}?{query}", {"metadata": {"name": "a"}})
    assert (refused.code, refused.body["reason"]) == (422, "Invalid")


def test_delete_answers_with_a_status(api: Any, namespace: str) -> None:
    made = make(api, namespace, "one")
    gone = api("DELETE", configmaps(namespace, "one"))
    assert (gone.code, gone.body["status"]) == (200, "Success")
    assert gone.body["details"] == {"name": "one", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    assert api("GET", configmaps(namespace, "one")).code == 404
    assert api("DELETE", configmaps(namespace, "one")).code == 404


@pytest.mark.parametrize("precondition", [{"uid": "other"}, {"resourceVersion": "1"}])
def test_delete_preconditions(api: Any, namespace: str, precondition: dict[str, str]) -> None:
    make(api, namespace, "one")
    assert api("DELETE", configmaps(namespace, "one"), {"preconditions": precondition}).code == 409
    assert api("GET", configmaps(namespace, "one")).code == 200


def test_finalizers_hold_an_object_until_they_are_gone(api: Any, namespace: str) -> None:
    make(api, namespace, "one", metadata={"finalizers": ["example.com/hold"]})
    held = api("DELETE", configmaps(namespace, "one"))
    assert held.code == 200
    assert held.body["metadata"]["deletionTimestamp"]
    added = {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}
    refused = api("PATCH", configmaps(namespace, "one"), added, headers={"content-type": MERGE})
    assert (refused.code, "no new finalizers can be added" in refused.body["message"]) == (422, True)
    freed = api(
        "PATCH", configmaps(namespace, "one"), {"metadata": {"finalizers": None}}, headers={"content-type": MERGE}
    )
    assert freed.code == 200
    assert api("GET", configmaps(namespace, "one")).code == 404


@pytest.mark.parametrize(("policy", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")])
def test_propagation_policies_leave_work_for_the_collector(
    api: Any, namespace: str, policy: str, finalizer: str
) -> None:
    make(api, namespace, "one")
    held = api("DELETE", configmaps(namespace, "one") + f"?propagationPolicy={policy}")
    assert held.body["metadata"]["finalizers"] == [finalizer]


def test_deletecollection_takes_what_the_selector_names(api: Any, namespace: str) -> None:
    make(api, namespace, "one", metadata={"labels": {"kill": "yes"}})
    make(api, namespace, "two")
    done = api("DELETE", configmaps(namespace) + "?labelSelector=kill%3Dyes")
    assert [item["metadata"]["name"] for item in done.body["items"]] == ["one"]
    assert [i["metadata"]["name"] for i in api("GET", configmaps(namespace)).body["items"]] == ["two"]


def test_a_lease_is_created_by_an_update(api: Any, namespace: str) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/one"
    made = api("PUT", path, {"metadata": {"name": "one"}, "spec": {"holderIdentity": "me"}})
    assert (made.code, made.body["spec"]["holderIdentity"]) == (201, "me")
    refused = api("PUT", path, {"metadata": {"name": "one"}, "spec": {}})
    assert (refused.code, "must be specified for an update" in refused.body["message"]) == (422, True)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/api/v1/namespaces/default/configmaps/x", 405),
        ("PUT", "/api/v1/configmaps", 405),
        ("DELETE", "/api/v1/namespaces", 405),
    ],
)
def test_methods_that_a_path_does_not_have(api: Any, method: str, path: str, code: int) -> None:
    refused = api(method, path, {})
    assert (refused.code, refused.body["reason"]) == (code, "MethodNotAllowed")


@pytest.mark.parametrize("path", ["/nothing", "/apis/no.such.group/v1/things", "/api/v2/pods"])
def test_unknown_paths_are_not_found_in_plain_text(api: Any, path: str) -> None:
    found = api("GET", path)
    assert (found.code, found.body) == (404, "404 page not found\n")


def test_system_namespaces_stay(api: Any) -> None:
    refused = api("DELETE", "/api/v1/namespaces/default")
    assert (refused.code, refused.body["message"]) == (
        403, 'namespaces "default" is forbidden: this namespace may not be deleted',
    )  # fmt: skip


def test_a_namespace_waits_for_finalize(api: Any) -> None:
    name = api("POST", "/api/v1/namespaces", {"metadata": {"generateName": "end-"}}).body["metadata"]["name"]
    ending = api("DELETE", f"/api/v1/namespaces/{name}").body
    assert (ending["status"]["phase"], ending["spec"]["finalizers"]) == ("Terminating", ["kubernetes"])
    refused = api("POST", configmaps(name), {"metadata": {"name": "late"}})
    assert refused.code == 403
    assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    ending["spec"]["finalizers"] = []
    assert api("PUT", f"/api/v1/namespaces/{name}/finalize", ending).code == 200
    assert api("GET", f"/api/v1/namespaces/{name}").code == 404


def test_a_large_object_is_refused(api: Any, namespace: str) -> None:
    body = json.dumps({"metadata": {"name": "big"}, "data": {"a": "x" * 10_000_000}}).encode()
    assert api("POST", configmaps(namespace), body).code == 413
