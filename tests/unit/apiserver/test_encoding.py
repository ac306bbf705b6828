"""Stored bytes, items and whole objects are three views of one object."""

from __future__ import annotations

import orjson
import pytest

from kubern.apiserver.encoding import Layout
from kubern.base.json import Obj

LAYOUT = Layout("Pod", "v1", True, lambda obj: {"spec.nodeName": (obj.get("spec") or {}).get("nodeName", "")})
POD: Obj = {
    "spec": {"nodeName": "n1"},
    "apiVersion": "v1",
    "metadata": {"name": "a", "namespace": "x", "labels": {"app": "web"}, "resourceVersion": "3"},
    "kind": "Pod",
}


def test_an_entry_shows_the_object_at_its_revision() -> None:
    entry = LAYOUT.entry("x/a", LAYOUT.encode(POD), 17)
    assert entry.obj() == POD | {"metadata": POD["metadata"] | {"resourceVersion": "17"}}
    assert (entry.namespace, entry.name) == ("x", "a")


def test_an_item_has_neither_kind_nor_version() -> None:
    item = orjson.loads(LAYOUT.entry("x/a", LAYOUT.encode(POD), 17).item)
    assert set(item) == {"metadata", "spec"}


def test_stored_bytes_hold_no_revision() -> None:
    assert "resourceVersion" not in orjson.loads(LAYOUT.encode(POD))["metadata"]


@pytest.mark.parametrize(
    "value", [orjson.dumps(POD), orjson.dumps(POD, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)]
)
def test_foreign_layouts_are_read(value: bytes) -> None:
    assert LAYOUT.entry("x/a", value, 5).obj()["metadata"]["resourceVersion"] == "5"


def test_a_deletion_shows_the_last_state_at_the_deletions_revision() -> None:
    entry = LAYOUT.entry("x/a", LAYOUT.encode(POD), 17).at(20)
    assert entry.revision == 20
    assert entry.obj()["metadata"]["resourceVersion"] == "20"
    assert entry.obj()["spec"] == POD["spec"]


def test_selectors_see_labels_and_fields() -> None:
    entry = LAYOUT.entry("x/a", LAYOUT.encode(POD), 17)
    assert entry.labels == {"app": "web"}
    assert entry.fields == {"spec.nodeName": "n1", "metadata.name": "a", "metadata.namespace": "x"}
