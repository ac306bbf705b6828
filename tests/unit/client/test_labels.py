"""Label selectors in object form."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.client.labels import is_empty, selector_text, selects, selects_map


def _one(operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": "a", "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        (None, {"a": "1"}, False),
        ({}, {}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "1", "b": "2"}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "2"}, False),
        (_one("In", "1", "2"), {"a": "2"}, True),
        (_one("In", "1"), {}, False),
        (_one("NotIn", "1"), {}, True),
        (_one("NotIn", "1"), {"a": "1"}, False),
        (_one("Exists"), {"a": ""}, True),
        (_one("Exists"), {}, False),
        (_one("DoesNotExist"), {}, True),
        (_one("DoesNotExist"), {"a": ""}, False),
        (_one("Unknown"), {"a": "1"}, False),
    ],
)
def test_selects(selector: Any, labels: dict[str, str], expected: bool) -> None:
    assert selects(selector, labels) is expected


def test_an_empty_map_selects_nothing() -> None:
    assert not selects_map({}, {"a": "1"})
    assert not selects_map(None, {"a": "1"})
    assert selects_map({"a": "1"}, {"a": "1", "b": "2"})


def test_text_and_emptiness() -> None:
    selector = {"matchLabels": {"z": "1"}, **_one("In", "2", "1")}
    assert selector_text(selector) == "a in (1,2),z=1"
    assert is_empty({"matchLabels": {}})
    assert not is_empty(selector)
