"""LIST: selectors, pages, revisions and forms."""

from __future__ import annotations

from typing import Any

import pytest

TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


@pytest.fixture
def filled(api: Any, namespace: str) -> str:
    """The path of a collection of ten ConfigMaps, every other one labelled."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for index in range(10):
        labels = {"parity": "odd" if index % 2 else "even"}
        assert api("POST", path, {"metadata": {"name": f"c{index}", "labels": labels}}).code == 201
    return path


def names(answer: Any) -> list[str]:
    assert answer.code == 200, answer.body
    return [item["metadata"]["name"] for item in answer.body["items"]]


def test_items_are_sorted_and_bare(api: Any, filled: str) -> None:
    listed = api("GET", filled)
    assert names(listed) == [f"c{index}" for index in range(10)]
    assert (listed.body["kind"], listed.body["apiVersion"]) == ("ConfigMapList", "v1")
    assert all("kind" not in item and "apiVersion" not in item for item in listed.body["items"])


def test_an_empty_list_has_items(api: Any, namespace: str) -> None:
    assert api("GET", f"/api/v1/namespaces/{namespace}/secrets").body["items"] == []


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("labelSelector=parity%3Deven", [0, 2, 4, 6, 8]),
        ("labelSelector=parity!%3Deven", [1, 3, 5, 7, 9]),
        ("labelSelector=parity+in+(odd)", [1, 3, 5, 7, 9]),
        ("labelSelector=!parity", []),
        ("fieldSelector=metadata.name%3Dc3", [3]),
        ("fieldSelector=metadata.name!%3Dc3&labelSelector=parity%3Dodd", [1, 5, 7, 9]),
    ],
)
def test_selectors(api: Any, filled: str, query: str, wanted: list[int]) -> None:
    assert names(api("GET", f"{filled}?{query}")) == [f"c{index}" for index in wanted]


@pytest.mark.parametrize("query", ["labelSelector=%3D%3D", "fieldSelector=spec.nothing%3Da", "limit=x"])
def test_selectors_that_cannot_be_read(api: Any, namespace: str, query: str) -> None:
    refused = api("GET", f"/api/v1/namespaces/{namespace}/configmaps?{query}")
    assert (refused.code, refused.body["reason"]) == (400, "BadRequest")


def test_pages_show_one_revision(api: Any, filled: str) -> None:
    first = api("GET", f"{filled}?limit=4")
    meta = first.body["metadata"]
    assert meta["remainingItemCount"] == 6
    assert api("DELETE", f"{filled}/c9").code == 200
    second = api("GET", f"{filled}?limit=4&continue={meta['continue']}")
    third = api("GET", f"{filled}?limit=4&continue={second.body['metadata']['continue']}")
    assert names(first) + names(second) + names(third) == [f"c{index}" for index in range(10)]
    assert second.body["metadata"]["resourceVersion"] == meta["resourceVersion"]
    assert "continue" not in third.body["metadata"]


@pytest.mark.parametrize("token", ["!!!", "e30", "bm90IGpzb24"])
def test_tokens_that_are_not_ours(api: Any, namespace: str, token: str) -> None:
    refused = api("GET", f"/api/v1/namespaces/{namespace}/configmaps?limit=1&continue={token}")
    assert (refused.code, "continue key is not valid" in refused.body["message"]) == (400, True)


def test_an_exact_revision_shows_the_past(api: Any, filled: str) -> None:
    then = api("GET", filled).body["metadata"]["resourceVersion"]
    api("DELETE", f"{filled}/c0")
    assert len(names(api("GET", f"{filled}?resourceVersion={then}&resourceVersionMatch=Exact"))) == 10
    assert len(names(api("GET", f"{filled}?resourceVersion={then}&resourceVersionMatch=NotOlderThan"))) == 9
    assert len(names(api("GET", f"{filled}?resourceVersion={then}"))) == 9
    assert len(names(api("GET", f"{filled}?resourceVersion=0"))) == 9


@pytest.mark.parametrize(
    "query",
    ["resourceVersionMatch=Exact", "resourceVersion=0&resourceVersionMatch=Exact", "resourceVersion=1&resourceVersionMatch=Some",
     "sendInitialEvents=true"],
)  # fmt: skip
def test_wrong_revision_matches(api: Any, namespace: str, query: str) -> None:
    assert api("GET", f"/api/v1/namespaces/{namespace}/configmaps?{query}").code == 422


def test_a_revision_from_the_future(api: Any, namespace: str) -> None:
    refused = api("GET", f"/api/v1/namespaces/{namespace}/configmaps?resourceVersion=999999999")
    assert (refused.code, refused.body["reason"]) == (504, "Timeout")
    assert refused.body["details"]["causes"] == [
        {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    ]


def test_tables_have_columns_and_rows(api: Any, filled: str) -> None:
    table = api("GET", filled, headers=TABLE).body
    assert (table["kind"], len(table["rows"])) == ("Table", 10)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


def test_metadata_alone(api: Any, filled: str) -> None:
    accept = {"accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
    listed = api("GET", filled, headers=accept).body
    assert listed["kind"] == "PartialObjectMetadataList"
    assert set(listed["items"][0]) == {"kind", "apiVersion", "metadata"}
