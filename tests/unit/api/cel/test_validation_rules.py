"""The rules of custom resources: what they see, what they say, and when they are asked."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.api.cel.compiler import Budget
from kubern.api.cel.escaping import escape
from kubern.api.cel.validation_rules import OUT_OF_BUDGET, RuleSet, evaluate_rules


def spec_with(*rules: dict[str, Any], **properties: Any) -> dict[str, Any]:
    inner = {"type": "object", "properties": properties, "x-kubernetes-validations": list(rules)}
    return {"type": "object", "properties": {"spec": inner}}


INT, TEXT = {"type": "integer"}, {"type": "string"}


def said(schema: dict[str, Any], new: Any, old: Any = None) -> list[tuple[str, str]]:
    return [(cause.field, cause.message) for cause in evaluate_rules(schema, new, old)]


def test_a_broken_rule_shows_its_message_or_itself() -> None:
    schema = spec_with({"rule": "self.a < self.b", "message": "a before b"}, {"rule": " self.a > 10 "}, a=INT, b=INT)
    assert said(schema, {"spec": {"a": 2, "b": 1}}) == [
        ("spec", "Invalid value: a before b"),
        ("spec", "Invalid value: failed rule: self.a > 10"),
    ]
    assert said(schema, {"spec": {"a": 11, "b": 12}}) == []


def test_a_message_may_be_an_expression_and_falls_back_when_it_fails() -> None:
    rules = (
        {"rule": "self.a < 1", "messageExpression": "'a is ' + string(self.a)"},
        {"rule": "self.a < 1", "messageExpression": "string(1 / 0)", "message": "plain"},
        {"rule": "self.a < 1", "messageExpression": "'two\\nlines'"},
    )
    assert [message.partition(": ")[2] for _, message in said(spec_with(*rules, a=INT), {"spec": {"a": 5}})] == [
        "a is 5",
        "plain",
        "failed rule: self.a < 1",
    ]


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("FieldValueInvalid", "Invalid value: no"),
        ("FieldValueForbidden", "Forbidden: no"),
        ("FieldValueRequired", "Required value: no"),
        ("FieldValueDuplicate", "Duplicate value"),
    ],
)
def test_reason_and_field_path(reason: str, message: str) -> None:
    schema = spec_with({"rule": "false", "message": "no", "reason": reason, "fieldPath": ".a"}, a=INT)
    causes = evaluate_rules(schema, {"spec": {"a": 1}})
    assert [(cause.reason, cause.field, cause.message) for cause in causes] == [(reason, "spec.a", message)]


def test_transition_rules_are_asked_of_updates_only() -> None:
    schema = spec_with({"rule": "self.a >= oldSelf.a", "message": "shrunk"}, a=INT)
    assert said(schema, {"spec": {"a": 1}}) == []
    assert said(schema, {"spec": {"a": 1}}, {"spec": {"a": 2}}) == [("spec", "Invalid value: shrunk")]
    assert said(schema, {"spec": {"a": 1}}, {}) == []


def test_an_optional_old_value_is_asked_of_creations_too() -> None:
    schema = spec_with(
        {"rule": "oldSelf.hasValue() ? oldSelf.value().a == self.a : self.a == 0", "optionalOldSelf": True}, a=INT
    )
    assert said(schema, {"spec": {"a": 0}}) == []
    assert len(said(schema, {"spec": {"a": 1}})) == 1
    assert said(schema, {"spec": {"a": 1}}, {"spec": {"a": 1}}) == []
    assert len(said(schema, {"spec": {"a": 1}}, {"spec": {"a": 2}})) == 1


def test_an_unchanged_value_is_not_judged_anew() -> None:
    schema = spec_with(
        {"rule": "self.a > 10"}, a=INT, b={"type": "integer", "x-kubernetes-validations": [{"rule": "self < 3"}]}
    )
    old = {"spec": {"a": 1, "b": 5}}
    assert said(schema, old, old) == []
    assert said(schema, {"spec": {"a": 2, "b": 5}}, old) == [("spec", "Invalid value: failed rule: self.a > 10")]


def test_items_meet_their_old_selves_by_key_only() -> None:
    item = {
        "type": "object",
        "properties": {"n": TEXT, "v": {**INT, "x-kubernetes-validations": [{"rule": "self >= oldSelf"}]}},
    }
    by_key = {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]}
    new = {"spec": {"l": [{"n": "b", "v": 9}, {"n": "a", "v": 1}]}}
    old = {"spec": {"l": [{"n": "a", "v": 2}]}}
    assert said(spec_with(l=by_key), new, old) == [("spec.l[1].v", "Invalid value: 1: failed rule: self >= oldSelf")]
    assert said(spec_with(l={"type": "array", "items": item}), new, old) == []


def test_maps_and_their_paths() -> None:
    rule = {"type": "object", "additionalProperties": {**INT, "x-kubernetes-validations": [{"rule": "self < 5"}]}}
    assert said(spec_with(m=rule), {"spec": {"m": {"a.b": 7, "c": 1}}}) == [
        ("spec.m[a.b]", "Invalid value: 7: failed rule: self < 5")
    ]


TYPED = {
    "date-time": ({"type": "string", "format": "date-time"}, "2024-01-01T00:00:00Z", "self.v.getFullYear() == 2024"),
    "date": ({"type": "string", "format": "date"}, "2024-01-01", "self.v < timestamp('2024-01-02T00:00:00Z')"),
    "duration": ({"type": "string", "format": "duration"}, "90m", "self.v == duration('1h30m')"),
    "byte": ({"type": "string", "format": "byte"}, "aGk=", "self.v == b'hi'"),
    "number": ({"type": "number"}, 1, "self.v == 1.0 && type(self.v) == double"),
    "int-or-string": ({"x-kubernetes-int-or-string": True}, "5%", "type(self.v) == string && self.v.endsWith('%')"),
    "set": (
        {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
        ["a", "b"],
        "self.v == ['b', 'a'] && (self.v + ['a']).size() == 2",
    ),
    "map": (
        {"type": "object", "additionalProperties": INT},
        {"a": 1},
        "'a' in self.v && self.v.all(k, self.v[k] == 1)",
    ),
    "absent": (INT, None, "!has(self.v)"),
    "nested": (
        {"type": "array", "items": {"type": "object", "properties": {"x-y": {"type": "number"}}}},
        [{"x-y": 2}],
        "self.v[0].x__dash__y == 2.0",
    ),
}


@pytest.mark.parametrize(("schema", "value", "rule"), TYPED.values(), ids=TYPED)
def test_values_have_the_types_of_their_schema(schema: dict[str, Any], value: Any, rule: str) -> None:
    assert said(spec_with({"rule": rule}, v=schema), {"spec": {} if value is None else {"v": value}}) == []


def test_a_whole_object_has_its_name() -> None:
    schema = {"type": "object", "x-kubernetes-validations": [{"rule": "self.metadata.name == 'a' && self.kind == 'K'"}]}
    assert said(schema, {"kind": "K", "apiVersion": "g/v1", "metadata": {"name": "a"}}) == []


def test_what_fails_at_run_time_names_the_rule() -> None:
    schema = spec_with(
        {"rule": "self.m['zzz'] == 1"},
        {"rule": "self.i > 5"},
        m={"type": "object", "additionalProperties": INT},
        i={"x-kubernetes-int-or-string": True},
    )
    assert [message for _, message in said(schema, {"spec": {"m": {}, "i": "a"}})] == [
        "Invalid value: \"object\": no such key: zzz evaluating rule: self.m['zzz'] == 1",
        "Invalid value: \"object\": 'no such overload': call arguments did not match a supported operator, function or macro "
        "signature for rule: self.i > 5",
    ]


def test_the_budget_ends_everything() -> None:
    rules = RuleSet(spec_with({"rule": "self.l.all(i, i >= 0)"}, {"rule": "false"}, l={"type": "array", "items": INT}))
    causes = rules.evaluate({"spec": {"l": list(range(1000))}}, budget=Budget(100))
    assert [cause.message.endswith(OUT_OF_BUDGET) for cause in causes] == [True]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a", "a"),
        ("a-b", "a__dash__b"),
        ("a.b/c", "a__dot__b__slash__c"),
        ("a__b", "a__underscores__b"),
        ("namespace", "__namespace__"),
        ("1a", ""),
        ("é", ""),
    ],
)
def test_escaping(name: str, written: str) -> None:
    assert escape(name) == written
