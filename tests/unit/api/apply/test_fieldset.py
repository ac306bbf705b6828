"""Sets of fields: the algebra, against plain sets of paths."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.api.apply.fieldset import Fields, difference, intersection, is_member, paths, union, well_formed, without

Members = frozenset[tuple[str, ...]]

NAMES = st.sampled_from(("f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'))
MEMBERS = st.frozensets(st.lists(NAMES, min_size=1, max_size=4).map(tuple), max_size=8)


def tree(members: Members) -> Fields:
    """Build a set of fields from its members' paths."""
    root: Fields = {}
    for member in sorted(members, key=len):
        node = root
        for element in member:
            node = node.setdefault(element, {"inner": {}})
            node.pop("new", None)
        node["."] = {}
    return _plain(root)


def _plain(node: Fields) -> Fields:
    inner = {key: _plain(value) for key, value in node.items() if key not in (".", "inner")}
    if "." in node and inner:
        inner["."] = {}
    return inner


def members(fields: Fields, prefix: tuple[str, ...] = ()) -> Members:
    """Return the paths of a set's members."""
    found: set[tuple[str, ...]] = set()
    for key, node in fields.items():
        if key == ".":
            continue
        if is_member(node):
            found.add((*prefix, key))
        found |= members(node, (*prefix, key))
    return frozenset(found)


@given(MEMBERS, MEMBERS)
def test_the_algebra_is_that_of_sets_of_paths(left: Members, right: Members) -> None:
    one, other = tree(left), tree(right)
    assert members(one) == left
    assert members(union(one, other)) == left | right
    assert members(difference(one, other)) == left - right
    assert members(intersection(one, other)) == left & right
    assert members(one) == left  # nothing was changed in place
    assert tree(left | right) == union(one, other)


@given(MEMBERS)
def test_a_set_is_well_formed_and_a_part_of_it_can_be_left_out(one: Members) -> None:
    assert well_formed(tree(one))
    left = without(tree(one), "f:a")
    assert members(left) == {path for path in one if path[0] != "f:a"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"f:spec": {"f:replicas": {}}}, [".spec.replicas"]),
        ({"f:a": {".": {}, "f:b": {}}}, [".a", ".a.b"]),
        ({"f:c": {'k:{"name":"web"}': {"f:image": {}}}}, ['.c[name="web"].image']),
        ({"f:p": {'k:{"port":80,"protocol":"TCP"}': {}}}, ['.p[port=80,protocol="TCP"]']),
        ({"f:m": {"f:finalizers": {'v:"x/y"': {}}}}, ['.m.finalizers[="x/y"]']),
        ({"f:l": {"i:3": {}}}, [".l[3]"]),
    ],
)
def test_paths_are_printed_as_upstream_does(fields: Fields, expected: list[str]) -> None:
    assert list(paths(fields)) == expected


@pytest.mark.parametrize(
    "bad", [[], {"x": {}}, {"f:a": 1}, {"k:{": {}}, {"k:[]": {}}, {"k:{}": {}}, {"i:-1": {}}, {"v:x": {}}]
)
def test_what_is_no_set_is_refused(bad: Any) -> None:
    assert not well_formed(bad)


def test_a_set_deeper_than_any_object_is_refused() -> None:
    deep: Fields = {}
    for _ in range(200):
        deep = {"f:a": deep}
    assert not well_formed(deep)
