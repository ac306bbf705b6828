"""What lists work out about all objects of a resource, against a look at each of them."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.apiserver import ordered
from kubern.apiserver.cache import ResourceCache
from kubern.apiserver.encoding import Entry, Layout
from kubern.apiserver.ordered import Index, Ordered, Wanted
from kubern.base.errors import InternalError

LAYOUT = Layout("Pod", "v1", True, lambda obj: {"spec.nodeName": obj.get("spec", {}).get("nodeName", "")})
VALUES = st.sampled_from(["a", "b", ""])
LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), VALUES)
NODE = Index("fields", "spec.nodeName", "")
APP = Index("labels", "app", None)


def entry(number: int, labels: dict[str, str], node: str) -> Entry:
    obj = {"metadata": {"labels": labels, "name": f"p{number:03}"}, "spec": {"nodeName": node}}
    return Entry(LAYOUT, f"default/p{number:03}", number + 1, orjson.dumps(obj))


@given(st.lists(st.tuples(LABELS, VALUES)), st.lists(st.tuples(st.sampled_from([NODE, APP]), VALUES), max_size=6))
def test_narrowing_loses_nothing_and_keeps_the_order(objects, questions):
    entries = Ordered([entry(n, *each) for n, each in enumerate(objects)])
    for index, value in questions:
        expected = [each for each in entries if index.value(each) == value]
        found = entries.narrowed(Wanted(index, value))
        assert [each for each in found if index.value(each) == value] == expected


def test_the_second_question_gets_only_what_it_wants():
    entries = Ordered([entry(n, {"app": "ab"[n % 2]}, "n1") for n in range(6)])
    wanted = Wanted(APP, "b")
    assert entries.narrowed(wanted) is entries
    assert [each.key for each in entries.narrowed(wanted)] == ["default/p001", "default/p003", "default/p005"]
    assert entries.narrowed(Wanted(APP, "c")) == ()


def test_an_index_that_could_not_be_made_is_not_kept():
    class Broken(Entry):
        @property
        def labels(self):
            raise InternalError("cannot be decrypted")

    entries = Ordered([entry(0, {"app": "a"}, ""), Broken(LAYOUT, "default/p1", 2, b"{}")])
    entries.narrowed(Wanted(APP, "a"))
    for _ in range(2):
        with pytest.raises(InternalError):
            entries.narrowed(Wanted(APP, "a"))


def test_a_change_throws_everything_away():
    cache = ResourceCache(LAYOUT, "pods/")
    cache.load([entry(0, {"app": "a"}, "")], 1)
    wanted = Wanted(APP, "a")
    assert [len(cache.select(wanted=wanted)) for _ in range(2)] == [1, 1]
    cache.load([entry(0, {"app": "a"}, ""), entry(1, {"app": "a"}, "")], 2)
    assert [len(cache.select(wanted=wanted)) for _ in range(2)] == [2, 2]


def test_the_body_is_the_items_joined():
    entries = Ordered([entry(n, {}, "") for n in range(3)])
    whole = b"[" + b",".join(each.item for each in entries) + b"]"
    for _ in range(3):
        body = entries.joined(b"[", b"]")
        assert (bytes(body), len(body)) == (whole, len(whole))


@pytest.mark.parametrize(("kept", "same"), [(1 << 20, True), (1000, False)])
def test_blocks_are_put_together_once_unless_the_list_is_too_large(
    monkeypatch: pytest.MonkeyPatch, kept: int, same: bool
) -> None:
    monkeypatch.setattr(ordered, "_KEPT", kept)
    entries = Ordered([entry(n, {"long": "x" * 50_000}, "") for n in range(9)])
    whole = b"[" + b",".join(each.item for each in entries) + b"]"
    bodies = [list(entries.joined(b"[", b"]").slices()) for _ in range(3)]
    assert [b"".join(parts) for parts in bodies] == [whole] * 3
    assert len(bodies[0]) == len(bodies[1]) > 3
    assert (bodies[1][1] is bodies[2][1]) == same
