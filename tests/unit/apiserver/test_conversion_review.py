"""Answers of conversion webhooks: what is taken of them, and what is wrong with the others."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.apiserver.conversion_review import BadConversion, checked_results, results_of
from kubern.apiserver.conversion_webhook import MOST_ASKED, _batches
from kubern.base.json import Obj

UID = "u-1"
GOOD = {"uid": UID, "result": {"status": "Success"}, "convertedObjects": [1, 2]}
V1: Obj = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview"}


@pytest.mark.parametrize(
    ("version", "answer"),
    [("v1", V1 | {"response": GOOD}), ("v1beta1", {"response": GOOD | {"uid": "another"}})],
    ids=["v1", "v1beta1 names neither itself nor the question"],
)
def test_objects_are_taken(version: str, answer: Obj) -> None:
    assert results_of(answer, version, UID) == [1, 2]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({}, "expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got /, Kind="),
        (V1 | {"kind": "X"}, "expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, "
                             "got apiextensions.k8s.io/v1, Kind=X"),
        (V1, "no response provided"),
        (V1 | {"response": GOOD | {"uid": "x"}}, 'expected response.uid="u-1", got "x"'),
        (V1 | {"response": GOOD | {"result": {"message": "too late"}}}, "too late"),
        (V1 | {"response": GOOD | {"result": {"status": "Failure"}}}, "response.result.status was 'Failure', not 'Success'"),
    ],
)  # fmt: skip
def test_refusals(answer: Obj, said: str) -> None:
    with pytest.raises(BadConversion) as refused:
        results_of(answer, "v1", UID)
    assert str(refused.value) == said


def route(version: str = "v1", **metadata: Any) -> Obj:
    return {"apiVersion": f"x.io/{version}", "kind": "R", "metadata": {"name": "a", "uid": "1"} | metadata}


def test_metadata_is_restored_but_for_words() -> None:
    before = route(labels={"old": "1"}, annotations={"kept": "1"}, finalizers=["f/f"])
    after = route("v2", labels={"new": "1"}, annotations={"kept": "1"}, generation=7) | {"spec": 1}
    (checked,) = checked_results([before], [after], "x.io/v2")
    metadata = {"name": "a", "uid": "1", "finalizers": ["f/f"], "labels": {"new": "1"}, "annotations": {"kept": "1"}}
    assert checked == {"apiVersion": "x.io/v2", "kind": "R", "metadata": metadata, "spec": 1}


def test_words_that_were_bad_before_are_let_pass() -> None:
    bad = {"a b": "c"}
    (checked,) = checked_results([route(labels=bad)], [route("v2", labels=bad)], "x.io/v2")
    assert checked["metadata"]["labels"] == bad


@pytest.mark.parametrize("several", [False, True], ids=["one", "list"])
@pytest.mark.parametrize(
    ("after", "one", "listed"),
    [
        (route(), "invalid object at index 0: invalid groupVersion (expected x.io/v2, received x.io/v1)",
         "invalid converted object at index 1: invalid groupVersion (expected x.io/v2, received x.io/v1)"),
        (route("v2") | {"kind": "S"}, "invalid object at index 0: invalid kind (expected R, received S)",
         "invalid converted object at index 1: invalid kind (expected R, received S)"),
        (route("v2", name="b"), "invalid object: must have the same name: a != b",
         "invalid converted object at index 1: must have the same name: a != b"),
        (route("v2", annotations=3), "invalid metadata: invalid metadata.annotations of type int64 in converted object",
         "invalid metadata in object at index 1: invalid metadata.annotations of type int64 in converted object"),
    ],
)  # fmt: skip
def test_bad_objects(after: Obj, one: str, listed: str, several: bool) -> None:
    given, results = ([route(), route()], [route("v2"), after]) if several else ([route()], [after])
    with pytest.raises(BadConversion) as refused:
        checked_results(given, results, "x.io/v2")
    assert str(refused.value) == (listed if several else one)


def test_large_lists_are_asked_about_in_parts() -> None:
    third = b"x" * (MOST_ASKED // 3)
    assert [len(batch) for batch in _batches([third] * 7)] == [3, 3, 1]
    assert [len(batch) for batch in _batches([b"x" * (MOST_ASKED + 1)] * 2)] == [1, 1]
    assert list(_batches([])) == []
