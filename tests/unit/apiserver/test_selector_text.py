"""Selectors as a query carries them."""

from __future__ import annotations

import pytest

from kubern.apiserver.selector_text import field_tests, label_tests
from kubern.base.errors import BadRequest

LABELS = {"app": "web", "tier": "front", "n": "5", "example.com/x": "y"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app", True),
        ("!app", False),
        ("! old", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app = web , tier = back", False),
        ("app!=web", False),
        ("none!=x", True),
        ("app in (web, api)", True),
        ("app notin (web,api)", False),
        ("none notin (web)", True),
        ("none in ()", False),
        ("none=", False),
        ("n>4", True),
        ("n<5", False),
        ("example.com/x=y", True),
        ("inside=no", False),
    ],
)
def test_label_selectors(text: str, matches: bool) -> None:
    assert all(test(LABELS) for test in label_tests(text)) is matches


@pytest.mark.parametrize("text", ["==", "app in", "app in (a", "a b", "app=a=b", "app,", "-x=1", "n>x", "app=_bad"])
def test_label_selectors_that_cannot_be_parsed(text: str) -> None:
    with pytest.raises(BadRequest):
        label_tests(text)


@pytest.mark.parametrize(
    ("text", "matches"), [("a=1", True), ("a==1,b!=3", True), ("a!=1", False), ("missing=", True), ("c=x\\,y", True)]
)
def test_field_selectors(text: str, matches: bool) -> None:
    fields = {"a": "1", "b": "2", "c": "x,y"}
    assert all(test(fields) for test in field_tests(text, str)) is matches


def test_a_field_without_an_operator() -> None:
    with pytest.raises(BadRequest):
        field_tests("spec.nodeName", str)
