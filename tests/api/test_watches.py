"""WATCH: what events come, in which order, and what a watch from the past is told."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest


def event(stream: Any) -> dict[str, Any]:
    line = stream.readline()
    assert line, "the watch ended"
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def seen(stream: Any) -> tuple[str, str]:
    got = event(stream)
    return got["type"], got["object"]["metadata"].get("name", "")


@pytest.fixture
def path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def make(api: Any, path: str, name: str, **labels: str) -> dict[str, Any]:
    made = api("POST", path, {"metadata": {"name": name, "labels": labels}})
    assert made.code == 201, made.body
    body: dict[str, Any] = made.body
    return body


def relabel(api: Any, path: str, name: str, **labels: str) -> None:
    headers = {"content-type": "application/merge-patch+json"}
    assert api("PATCH", f"{path}/{name}", {"metadata": {"labels": labels}}, headers=headers).code == 200


def test_without_a_revision_what_is_there_comes_first(api: Any, path: str) -> None:
    make(api, path, "one")
    with contextlib.closing(api.watch(f"{path}?watch=true")) as stream:
        assert seen(stream) == ("ADDED", "one")
        make(api, path, "two")
        assert seen(stream) == ("ADDED", "two")
        relabel(api, path, "one", a="b")
        assert seen(stream) == ("MODIFIED", "one")
        api("DELETE", f"{path}/two")
        assert seen(stream) == ("DELETED", "two")


def test_from_a_revision_only_what_came_after(api: Any, path: str) -> None:
    first = make(api, path, "one")
    make(api, path, "two")
    with contextlib.closing(
        api.watch(f"{path}?watch=1&resourceVersion={first['metadata']['resourceVersion']}")
    ) as stream:
        assert seen(stream) == ("ADDED", "two")


def test_a_deletion_has_its_own_revision(api: Any, path: str) -> None:
    made = make(api, path, "one")
    with contextlib.closing(
        api.watch(f"{path}?watch=1&resourceVersion={made['metadata']['resourceVersion']}")
    ) as stream:
        api("DELETE", f"{path}/one")
        gone = event(stream)
    assert gone["type"] == "DELETED"
    assert int(gone["object"]["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


def test_moving_in_and_out_of_a_selection(api: Any, path: str) -> None:
    make(api, path, "one", app="no")
    with contextlib.closing(api.watch(f"{path}?watch=1&labelSelector=app%3Dweb")) as stream:
        relabel(api, path, "one", app="web")
        assert seen(stream) == ("ADDED", "one")
        relabel(api, path, "one", app="no")
        assert seen(stream) == ("DELETED", "one")
        make(api, path, "two", app="web")
        assert seen(stream) == ("ADDED", "two")


def test_other_namespaces_are_not_seen(api: Any, path: str) -> None:
    with contextlib.closing(api.watch(f"{path}?watch=1")) as stream:
        elsewhere = "/api/v1/namespaces/default/configmaps"
        make(api, elsewhere, "elsewhere")
        make(api, path, "here")
        assert seen(stream) == ("ADDED", "here")
        api("DELETE", f"{elsewhere}/elsewhere")


def test_initial_events_end_with_a_bookmark(api: Any, path: str) -> None:
    make(api, path, "one")
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    with contextlib.closing(api.watch(f"{path}?{query}")) as stream:
        assert seen(stream) == ("ADDED", "one")
        mark = event(stream)
    assert mark["type"] == "BOOKMARK"
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_nobody_gets_a_bookmark_who_did_not_allow_any(api: Any, path: str) -> None:
    make(api, path, "one")
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1"
    with contextlib.closing(api.watch(f"{path}?{query}")) as stream:
        assert [json.loads(line)["type"] for line in stream.read().splitlines()] == ["ADDED"]


def test_timeout_seconds_end_a_watch(api: Any, path: str) -> None:
    with contextlib.closing(api.watch(f"{path}?watch=1&timeoutSeconds=1")) as stream:
        assert stream.read() == b""


@pytest.mark.parametrize(
    "start", ["", "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", "&resourceVersion={}"]
)
def test_a_table_watch_has_its_columns_once(api: Any, path: str, start: str) -> None:
    revision = make(api, path, "zero")["metadata"]["resourceVersion"]
    make(api, path, "one")
    make(api, path, "two")
    accept = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    with contextlib.closing(
        api.watch(f"{path}?watch=1&allowWatchBookmarks=true{start.format(revision)}", headers=accept)
    ) as stream:
        relabel(api, path, "two", a="b")
        events = [event(stream)]
        while events[-1]["type"] != "MODIFIED":
            events.append(event(stream))
    tables = [each["object"] for each in events]
    assert {table["kind"] for table in tables} == {"Table"}
    assert [bool(table["columnDefinitions"]) for table in tables] == [True] + [False] * (len(tables) - 1)
    assert tables[0]["columnDefinitions"][0]["name"] == "Name"
    shown = [
        table["rows"][0]["cells"][0] for table, each in zip(tables, events, strict=True) if each["type"] == "ADDED"
    ]
    assert shown == (["one", "two"] if "resourceVersion=" in start else ["one", "two", "zero"])
