"""Merging and owning along a schema: what an applied configuration does to a live object."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.api.apply.fieldset import difference, union
from kubern.api.apply.map_shape import FREE, MapShape
from kubern.api.apply.shape import MISSING, Unfit
from kubern.api.apply.shapes import Shapes
from kubern.api.schema import Schemas
from kubern.base.json import Obj

ITEM = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "port": {"type": "integer"}, "size": {"type": "integer"}},
}
SCHEMA: Obj = {
    "type": "object",
    "properties": {
        "data": {"type": "object", "additionalProperties": {"type": "string"}},
        "items": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": ITEM,
        },
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "whole": {"type": "array", "items": {"type": "string"}},
        "atomic": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": {"type": "string"}}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "one": {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}},
    },
}


def shape() -> MapShape:
    made = Shapes(FREE).of(Schemas().types.build(SCHEMA))
    assert isinstance(made, MapShape)
    return made


SHAPE = shape()
WORDS = st.sampled_from(("a", "b", "c"))
NUMBERS = st.integers(0, 2)
ITEMS = st.lists(
    st.fixed_dictionaries({"name": WORDS}, optional={"port": NUMBERS, "size": NUMBERS}),
    max_size=3,
    unique_by=lambda item: item["name"],
)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "data": st.dictionaries(WORDS, WORDS, min_size=1, max_size=3),
        "items": ITEMS.filter(bool),
        "tags": st.lists(WORDS, unique=True, min_size=1, max_size=3),
        "whole": st.lists(WORDS, min_size=1, max_size=3),
        "atomic": st.fixed_dictionaries({"a": WORDS}),
        "free": st.dictionaries(WORDS, st.dictionaries(WORDS, NUMBERS, min_size=1, max_size=2), min_size=1, max_size=2),
        "one": st.fixed_dictionaries({}, optional={"x": NUMBERS, "y": NUMBERS}).filter(bool),
    },
)


def ordered(value: Any) -> Any:
    """The value with lists in one order: the order of keyed items is no part of what is compared."""
    if isinstance(value, dict):
        return {key: inner if key == "whole" else ordered(inner) for key, inner in value.items()}
    return sorted(map(ordered, value), key=_text) if isinstance(value, list) else value


@given(OBJECTS, OBJECTS)
def test_merging_is_idempotent_and_changes_neither(live: Obj, applied: Obj) -> None:
    before = orjson.dumps([live, applied])
    once = SHAPE.merge(live, applied)
    assert SHAPE.merge(once, applied) == once
    assert orjson.dumps([live, applied]) == before
    assert SHAPE.changes(applied, SHAPE.merge(applied, applied)) == (None, None)


@given(OBJECTS, OBJECTS)
def test_what_is_applied_is_then_there(live: Obj, applied: Obj) -> None:
    """Nothing that the configuration owns differs from it afterwards."""
    merged = SHAPE.merge(live, applied)
    changed, removed = SHAPE.changes(applied, merged)
    owned = SHAPE.owned(applied, "")
    assert removed is None
    assert not changed or difference(owned, changed) == owned


@given(OBJECTS, OBJECTS, OBJECTS)
def test_the_order_of_appliers_of_different_fields_does_not_matter(live: Obj, one: Obj, other: Obj) -> None:
    mine, theirs = SHAPE.owned(one, ""), SHAPE.owned(other, "")
    if difference(mine, theirs) != mine:
        return  # both speak of the same field
    first = SHAPE.merge(SHAPE.merge(live, one), other)
    second = SHAPE.merge(SHAPE.merge(live, other), one)
    assert ordered(first) == ordered(second)


@given(OBJECTS)
def test_all_that_is_owned_can_be_taken_out_again(applied: Obj) -> None:
    left = SHAPE.without(applied, SHAPE.with_structs(SHAPE.owned(applied, "")))
    assert left in (MISSING, {})


@given(OBJECTS, OBJECTS)
def test_changes_say_all_that_differs(old: Obj, new: Obj) -> None:
    """Taking what changed and what was removed out of both objects leaves the same."""
    changed, removed = SHAPE.changes(old, new)
    both = union(changed or {}, removed or {})
    assert _bare(SHAPE.without(old, both)) == _bare(SHAPE.without(new, both))


def _bare(value: Any) -> Any:
    """Return a value without what is empty in it."""
    if value is MISSING:
        return {}
    if isinstance(value, dict):
        inner = {key: _bare(one) for key, one in value.items()}
        return {key: one for key, one in inner.items() if one not in ({}, [])}
    return sorted(map(_bare, value), key=_text) if isinstance(value, list) else value


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize(
    ("live", "applied", "expected"),
    [
        (["a", "b", "c"], ["b"], ["a", "b", "c"]),
        (["a", "b"], ["c", "a"], ["c", "a", "b"]),
        (["a", "b", "c"], ["c", "a"], ["c", "a", "b"]),
        ([], ["x", "a"], ["x", "a"]),
    ],
)
def test_the_applied_order_wins_and_other_items_keep_their_place(
    live: list[str], applied: list[str], expected: list[str]
) -> None:
    assert SHAPE.merge({"tags": live}, {"tags": applied}) == {"tags": expected}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"items": [{"port": 1}]},
            '.items: element 0: associative list with keys has an element that omits key field "name"',
        ),
        ({"items": [{"name": "a"}, {"name": "a"}]}, '.items: duplicate entries for key [name="a"]'),
        ({"tags": ["a", "a"]}, '.tags: duplicate entries for key [="a"]'),
    ],
)
def test_lists_whose_items_cannot_be_told_apart_are_refused(given: Obj, said: str) -> None:
    with pytest.raises(Unfit) as caught:
        SHAPE.owned(given, "")
    assert said in str(caught.value)


def test_live_lists_may_hold_an_item_twice() -> None:
    old, new = {"items": [{"name": "a"}, {"name": "a"}]}, {"items": [{"name": "a"}, {"name": "a", "port": 1}]}
    assert SHAPE.changes(old, new) == ({"f:items": {'k:{"name":"a"}': {}}}, None)


def test_marks_of_a_field_come_before_its_types() -> None:
    types = Schemas().types
    ports = Shapes().of(types["io.k8s.api.core.v1.ServiceSpec"])
    assert isinstance(ports, MapShape)
    owned = ports.owned({"ports": [{"port": 80}], "selector": {"a": "b"}}, "")
    assert owned == {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}, "f:selector": {}}
