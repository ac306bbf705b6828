"""What each kind refuses and in which words: the cases of `refusals/*.json`, each a sound object with something changed.

A case has a resource (`of`: group and plural), what is set or deleted by path, and a part of what the server says. One with `change`
is an update, of an object made `before`; without `said` it is allowed. Nothing that is asked for is kept.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.samples import CORE, SAMPLES

DELETED = "<delete>"
POD = {"spec": {"containers": [{"name": "c", "image": "i"}], "serviceAccountName": "default"}}
REVIEWS = [f"authorization.k8s.io {kind}subjectaccessreviews" for kind in ("", "self", "local")]
CASES = [
    (file.stem, case) for file in sorted(Path(__file__).with_name("refusals").glob("*.json")) for case in json.loads(file.read_text())
]  # fmt: skip


def _set(obj: Any, path: str, value: Any) -> None:
    """Set what is at a path (`spec.ports[0].name`) or delete it; what leads there is made."""
    parts: list[Any] = [int(p[1:-1]) if p[0] == "[" else p for p in re.findall(r"[^.\[\]]+|\[\d+\]", path)]
    for part, following in pairwise(parts):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(part, int):
            obj.extend(copy.deepcopy(empty) for _ in range(part + 1 - len(obj)))
            obj = obj[part]
        else:
            obj = obj.setdefault(part, empty)
    last = parts[-1]
    if value == DELETED:
        obj.pop(last, None) if isinstance(obj, dict) else obj.pop(last)
    elif isinstance(last, int) and last >= len(obj):
        obj.append(copy.deepcopy(value))
    else:
        obj[last] = copy.deepcopy(value)


def _made(of: str, changes: dict[str, Any], name: str) -> dict[str, Any]:
    group, _, plural = of.rpartition(" ")
    # a review is nothing but its question
    sound = POD if of == "pods" else {} if of in REVIEWS else SAMPLES[of] if group else CORE[plural]
    obj: dict[str, Any] = copy.deepcopy(sound)
    obj["metadata"] = {"name": name} | obj.get("metadata", {})
    for path, value in changes.items():
        _set(obj, path, value)
    return obj


@pytest.fixture(scope="module")
def places(api: Any) -> Iterator[dict[str, str]]:
    """The path of each resource's collection, in a namespace of this file's own."""
    namespace = "place-of-refusals"
    assert api("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}}).code == 201
    account = {"metadata": {"name": "default"}}
    assert api("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", account).code == 201
    groups = api("GET", "/apis").body["groups"]
    prefixes = ["/api/v1", *(f"/apis/{each['groupVersion']}" for group in groups for each in group["versions"])]
    found: dict[str, str] = {}
    for prefix in prefixes:
        group = prefix.split("/")[2] if prefix.startswith("/apis/") else ""
        for resource in api("GET", prefix).body["resources"]:
            middle = f"/namespaces/{namespace}" if resource["namespaced"] else ""
            found.setdefault(f"{group} {resource['name']}".strip(), f"{prefix}{middle}/{resource['name']}")
    yield found
    api("DELETE", f"/api/v1/namespaces/{namespace}")


def _id(case: tuple[str, dict[str, Any]]) -> str:
    _, what = case
    changes = what.get("with") or what["change"]
    return f"{what['of'].rpartition(' ')[2]}-{'+'.join(changes)}"


@pytest.mark.parametrize("case", [each for each in CASES if "with" in each[1]], ids=_id)
def test_a_new_object_is_refused(api: Any, places: dict[str, str], case: tuple[str, dict[str, Any]]) -> None:
    _, what = case
    answer = api("POST", f"{places[what['of']]}?dryRun=All", _made(what["of"], what["with"], "one"))
    assert (answer.code, answer.body["reason"]) == (422, "Invalid"), answer.body
    assert what["said"] in answer.body["message"]


@pytest.mark.parametrize("case", [each for each in CASES if "change" in each[1]], ids=_id)
def test_an_update_is_refused_or_allowed(api: Any, places: dict[str, str], case: tuple[str, dict[str, Any]]) -> None:
    _, what = case
    place = places[what["of"]]
    made = api("POST", place, _made(what["of"], what.get("before", {}), "refusals"))
    assert made.code == 201, made.body
    name = made.body["metadata"]["name"]
    try:
        for path, value in what["change"].items():
            _set(made.body, path, value)
        below = f"/{what['at']}" if "at" in what else ""
        answer = api("PUT", f"{place}/{name}{below}?dryRun=All", made.body)
        if "said" in what:
            assert (answer.code, answer.body["reason"]) == (422, "Invalid"), answer.body
            assert what["said"] in answer.body["message"]
        else:
            assert answer.code == 200, answer.body
    finally:
        api("DELETE", f"{place}/{name}", {"gracePeriodSeconds": 0})
        released = {"metadata": {"finalizers": None}}
        api("PATCH", f"{place}/{name}", released, headers={"content-type": "application/merge-patch+json"})


@pytest.mark.parametrize("resource", ["pods", "services"])
def test_what_the_cases_start_from_is_sound(api: Any, places: dict[str, str], resource: str) -> None:
    assert api("POST", f"{places[resource]}?dryRun=All", _made(resource, {}, "one")).code == 201
