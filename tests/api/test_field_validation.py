"""What the server says to fields that it does not know, that stand twice or that have a wrong type; and `kubectl explain`."""

from __future__ import annotations

from typing import Any

import pytest

HEAD = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: '
ODD = b'{"metadata":{"name":"a","nam":"b"},"data":{"k":"1","k":"2"},"dat":{}}'
FAULTS = ['duplicate field "data.k"', 'unknown field "metadata.nam"', 'unknown field "dat"']


def path(namespace: str, query: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps{query}"


def test_strict_refuses_what_it_does_not_know(api: Any, namespace: str) -> None:
    answer = api("POST", path(namespace, "?fieldValidation=Strict"), ODD)
    assert answer.code == 400
    assert answer.body["message"] == f"{HEAD}strict decoding error: {', '.join(FAULTS)}"


def test_warn_is_the_default_and_keeps_what_is_known(api: Any, namespace: str) -> None:
    answer = api("POST", path(namespace), ODD)
    assert answer.code == 201
    assert answer.body["data"] == {"k": "2"}
    assert "dat" not in answer.body
    assert (
        'unknown field \\"dat\\"' in answer.headers["warning"]
        or 'duplicate field \\"data.k\\"' in answer.headers["warning"]
    )


def test_ignore_says_nothing(api: Any, namespace: str) -> None:
    answer = api("POST", path(namespace, "?fieldValidation=Ignore"), ODD)
    assert answer.code == 201
    assert "warning" not in answer.headers


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (
            b'{"data":{"k":1}}', "application/json",
            f"{HEAD}json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
        (
            b'{"data":', "application/json",
            "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: "
            'unexpected end of JSON input ({"data":)',
        ),
        (
            b"a: &a [*a]", "application/yaml",
            "the object provided is unrecognized (must be of type ConfigMap): yaml: anchor 'a' value contains itself "
            "(613a202661205b2a615d)",
        ),
    ],
    ids=["wrong type", "cut off", "endless alias"],
)  # fmt: skip
def test_bad_bodies_are_refused_in_upstreams_words(
    api: Any, namespace: str, body: bytes, content_type: str, message: str
) -> None:
    answer = api("POST", path(namespace), body, headers={"content-type": content_type})
    assert (answer.code, answer.body["reason"], answer.body["message"]) == (400, "BadRequest", message)


def test_a_strategic_patch_merges_lists_by_key(api: Any, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    spec = {"containers": [{"name": "a", "image": "x:1"}]}
    assert api("POST", pods, {"metadata": {"name": "p"}, "spec": spec}).code == 201
    patch = {"spec": {"containers": [{"name": "a", "image": "x:2"}]}}
    answer = api("PATCH", f"{pods}/p", patch, headers={"content-type": "application/strategic-merge-patch+json"})
    assert answer.code == 200, answer.body
    assert [(c["name"], c["image"], c["terminationMessagePath"]) for c in answer.body["spec"]["containers"]] == [
        ("a", "x:2", "/dev/termination-log")
    ]


@pytest.mark.parametrize(
    ("patch", "detail"),
    [
        ({"dat": {}}, 'strict decoding error: unknown field "dat"'),
        ({"data": {"k": 1}}, "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"),
    ],
)
def test_a_patch_whose_result_is_no_object_is_unprocessable(
    api: Any, namespace: str, patch: dict[str, Any], detail: str
) -> None:
    assert api("POST", path(namespace), {"metadata": {"name": "a"}}).code == 201
    headers = {"content-type": "application/merge-patch+json"}
    answer = api("PATCH", path(namespace, "/a?fieldValidation=Strict"), patch, headers=headers)
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    (cause,) = answer.body["details"]["causes"]
    assert (cause["reason"], cause["field"]) == ("FieldValueInvalid", "patch")
    assert cause["message"].endswith(detail)


def test_kubectl_explains(api: Any) -> None:
    answer = api.kubectl("explain", "pod.spec.containers")
    assert answer.returncode == 0, answer.stderr
    assert "FIELD: containers <[]Container>" in answer.stdout
    assert "imagePullPolicy" in answer.stdout


def test_kubectl_refuses_unknown_fields(api: Any, namespace: str) -> None:
    manifest = (
        f'{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"a","namespace":"{namespace}"}},"dat":{{}}}}'
    )
    answer = api.kubectl("create", "-f", "-", stdin=manifest)
    assert answer.returncode == 1
    assert 'strict decoding error: unknown field "dat"' in answer.stderr
