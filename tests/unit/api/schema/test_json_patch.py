from typing import Any

import jsonpatch
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.api.schema.json_patch import same
from kubern.api.schema.patch import MalformedPatch, PatchFailed, apply_json_patch, apply_merge_patch, create_merge_patch

DOC: dict[str, Any] = {"a": {"b": [1, 2, 3]}, "c/d": 1, "e~f": None, "t": True}
CASES = [
    ({"op": "add", "path": "/a/x", "value": 1}, ["a", "x"], 1),
    ({"op": "add", "path": "/a/b/-", "value": 4}, ["a", "b"], [1, 2, 3, 4]),
    ({"op": "add", "path": "/a/b/0", "value": 0}, ["a", "b"], [0, 1, 2, 3]),
    ({"op": "add", "path": "/a/b/3", "value": 4}, ["a", "b"], [1, 2, 3, 4]),
    ({"op": "replace", "path": "/a/b/-1", "value": 9}, ["a", "b"], [1, 2, 9]),
    ({"op": "remove", "path": "/a/b/1"}, ["a", "b"], [1, 3]),
    ({"op": "replace", "path": "/c~1d", "value": 2}, ["c/d"], 2),
    ({"op": "replace", "path": "/e~0f", "value": 2}, ["e~f"], 2),
    ({"op": "move", "from": "/a/b", "path": "/m"}, ["m"], [1, 2, 3]),
    ({"op": "copy", "from": "/a/b/0", "path": "/m"}, ["m"], 1),
    ({"op": "test", "path": "/a/b", "value": [1, 2, 3]}, ["c/d"], 1),
    ({"op": "test", "path": "/none", "value": None}, ["c/d"], 1),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "path", "value"), CASES, ids=[f"{c[0]['op']}{c[0]['path']}" for c in CASES])
def test_an_operation_changes_a_copy(operation: dict[str, Any], path: list[str], value: Any) -> None:
    before = orjson.dumps(DOC)
    result = apply_json_patch(DOC, [operation])
    for part in path:
        result = result[part]
    assert result == value
    assert orjson.dumps(DOC) == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/none"}, {"op": "replace", "path": "/a/none", "value": 1}, {"op": "add", "path": "/x/y", "value": 1},
        {"op": "add", "path": "/a/b/9", "value": 1}, {"op": "add", "path": "/a/b/x", "value": 1}, {"op": "test", "path": "/t", "value": 1},
        {"op": "test", "path": "/c~1d", "value": True},
        {"op": "add", "path": "a", "value": 1}, {"op": "move", "from": "/a", "path": "/a/b/0"}, {"op": "remove", "path": ""},
        {"op": "add", "path": "/t/x", "value": 1},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_applied_is_refused_as_unprocessable(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchFailed) as refusal:
        apply_json_patch(DOC, [operation])
    assert refusal.value.code == 422
    assert refusal.value.message == "the server rejected our request due to an error in our request"


@pytest.mark.parametrize("patch", [{}, "x", None, [1]])
def test_what_is_no_patch_is_a_bad_request(patch: Any) -> None:
    with pytest.raises(MalformedPatch):
        apply_json_patch(DOC, patch)


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ({"op": "spin", "path": "/a"}, 'invalid operation {"op":"spin","path":"/a"}: unsupported operation'),
        ({"path": "/a"}, 'invalid operation {"path":"/a"}: unsupported operation'),
        ({"op": "add"}, "failed to decode 'value': operation, missing value field: missing value"),
        ({"op": "add", "path": "/a"}, "failed to decode 'value': operation, missing value field: missing value"),
        ({"op": "remove"}, "failed to decode 'path': operation missing path field: missing value"),
        ({"op": "copy", "path": "/z"}, "failed to decode 'from': operation, missing from field: missing value"),
        ({"op": ["add"], "path": "/a"}, "cannot unmarshal array into Go struct field jsonPatchOp.op of type string"),
    ],
)
def test_an_operation_that_lacks_something_is_refused_before_any_is_applied(operation: Any, said: str) -> None:
    with pytest.raises(MalformedPatch) as refused:
        apply_json_patch({}, [{"op": "remove", "path": "/none"}, operation])
    assert said in refused.value.message


def test_operations_build_on_each_other() -> None:
    operations = [
        {"op": "add", "path": "/x", "value": {}},
        {"op": "add", "path": "/x/y", "value": [1]},
        {"op": "copy", "from": "/x/y", "path": "/z"},
        {"op": "add", "path": "/z/-", "value": 2},
    ]
    assert apply_json_patch({}, operations) == {"x": {"y": [1]}, "z": [1, 2]}
    assert operations[0]["value"] == {}


def test_copies_of_copies_have_a_limit() -> None:
    operations = [{"op": "copy", "from": "", "path": f"/k{i}"} for i in range(64)]
    with pytest.raises(PatchFailed) as refusal:
        apply_json_patch({"a": "x"}, operations)
    assert "accumulated size" in refusal.value.detail


def test_nesting_by_patch_has_a_limit() -> None:
    operations = [{"op": "add", "path": "/a" * (i + 1), "value": {}} for i in range(400)]
    with pytest.raises(PatchFailed) as refusal:
        apply_json_patch({}, operations)
    assert refusal.value.detail == "exceeded max depth"


MERGES = [  # the examples of RFC 7386
    ({"a": "b"}, {"a": "c"}, {"a": "c"}), ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}), ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}), ({"a": ["b"]}, {"a": "c"}, {"a": "c"}), ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}), ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]), ({"a": "b"}, ["c"], ["c"]), ({"a": "foo"}, None, None), ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}), ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]  # fmt: skip


@pytest.mark.parametrize(("document", "patch", "result"), MERGES, ids=[f"{m[0]}+{m[1]}" for m in MERGES])
def test_a_merge_patch_does_what_its_rfc_shows(document: Any, patch: Any, result: Any) -> None:
    assert apply_merge_patch(document, patch) == result


leaves = st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a"])
documents = st.dictionaries(
    st.sampled_from("abcd"),
    st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@given(documents, documents)
def test_a_made_merge_patch_leads_from_one_document_to_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    before = orjson.dumps(old)
    assert orjson.dumps(
        apply_merge_patch(old, create_merge_patch(old, new)), option=orjson.OPT_SORT_KEYS
    ) == orjson.dumps(new, option=orjson.OPT_SORT_KEYS)
    assert orjson.dumps(old) == before


@given(documents, documents)
def test_a_made_json_patch_leads_from_one_document_to_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    """The patch is one that another library makes: adds, removals, replacements and moves."""
    before = orjson.dumps(old)
    assert same(apply_json_patch(old, jsonpatch.make_patch(old, new).patch), new)
    assert orjson.dumps(old) == before
