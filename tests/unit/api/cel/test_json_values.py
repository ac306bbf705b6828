"""Values of expressions as JSON, and the names of the objects that expressions write."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.api.cel import CelEvaluationError, compile
from kubern.api.cel.admission import condition_environment
from kubern.api.cel.json_values import misnamed, to_json


def evaluated(expression: str) -> Any:
    return compile(expression, condition_environment()).evaluate({})


@pytest.mark.parametrize(
    ("expression", "json"),
    [
        ("1 + 1", 2),
        ("3u", 3),
        ("1.0", 1),
        ("1.5", 1.5),
        ("9223372036854775807", 9223372036854775807),
        ("b'abc'", "YWJj"),
        ("duration('90s')", "90s"),
        ("timestamp('2026-01-02T03:04:05Z')", "2026-01-02T03:04:05Z"),
        ("[dyn(1), dyn('a'), dyn(null), dyn(true)]", [1, "a", None, True]),
        ("{'a': {'b': [1.0]}}", {"a": {"b": [1]}}),
        ("optional.of(1)", 1),
        ("Object{spec: Object.spec{?none: optional.none(), one: [1]}}", {"spec": {"one": [1]}}),
        ("Object{metadata: Object.metadata{namespace: 'n'}}", {"metadata": {"namespace": "n"}}),
    ],
)
def test_values_become_json(expression: str, json: Any) -> None:
    assert to_json(evaluated(expression)) == json


@pytest.mark.parametrize("expression", ["{1: 'a'}", "type(1)", "double('NaN')"])
def test_what_json_has_nothing_for_is_refused(expression: str) -> None:
    with pytest.raises(CelEvaluationError):
        to_json(evaluated(expression))


def test_json_of_a_value_shares_nothing_with_it() -> None:
    value = {"a": [1]}
    assert to_json(value) is not value
    assert to_json(value)["a"] is not value["a"]


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("Object{spec: Object.spec{replicas: 1}}", []),
        ("Object{spec: Object.spec{items: [Object.spec.items{a: 1}]}}", []),
        ("Object{spec: Object.spec{some: {'k': Object.spec.some{a: 1}}}}", []),
        ("Object.spec.items{a: Object.spec.items.a{}}", []),
        ("Object{spec: Object.specx{}}", ["Object.specx for Object.spec"]),
        ("Object{a: [Object.b{c: Object.b.c{}}]}", ["Object.b for Object.a", "Object.b.c for Object.a.c"]),
    ],
)
def test_objects_are_named_after_their_place(expression: str, wrong: list[str]) -> None:
    said = [
        f'unexpected type name "{found}", expected "{wanted}", which matches field name path from root Object type'
        for found, wanted in (each.split(" for ") for each in wrong)
    ]
    assert misnamed(evaluated(expression)) == said
