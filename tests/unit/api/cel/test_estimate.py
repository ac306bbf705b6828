"""What rules are estimated to cost, beside upstream's estimates for the same rules and schemas."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.api.cel.compiler import compile
from kubern.api.cel.environment import Environment
from kubern.api.cel.estimate import estimate
from kubern.api.cel.schema_types import type_of
from kubern.api.cel.sizes import repeated, shape_of
from kubern.base.json import Obj

NUMBER, STRING, BOOLEAN = {"type": "number"}, {"type": "string"}, {"type": "boolean"}
EITHER = {"x-kubernetes-int-or-string": True}
NAMED = {"type": "object", "properties": {"required": STRING, "optional": STRING}, "required": ["required"]}


def form(name: str) -> Obj:
    return {"type": "string", "format": name}


def array(items: Obj, **more: Any) -> Obj:
    return {"type": "array", "items": items, **more}


def mapping(values: Obj, **more: Any) -> Obj:
    return {"type": "object", "additionalProperties": values, **more}


def text(**more: Any) -> Obj:
    return {"type": "string", **more}


def cost(schema: Obj, rule: str) -> int:
    kind = type_of(schema)
    assert kind is not None
    program = compile(rule, Environment({"self": kind, "oldSelf": kind}))
    return estimate(program.root, shape_of(schema))


@pytest.mark.parametrize(
    ("schema", "rule", "expected"),
    [
        (array(NUMBER), "self.all(x, true)", 4718591),
        (array(NUMBER, maxItems=10), "self.all(x, true)", 32),
        (array(STRING), "self.all(x, true)", 3145727),
        (array(BOOLEAN, maxItems=5), "self.all(x, true)", 17),
        (array(array(NUMBER)), "self.all(x, true)", 3145727),
        (array(NAMED), "self.all(x, true)", 555128),
        (mapping(NUMBER), "self.all(x, true)", 1348169),
        (mapping(STRING, maxProperties=3), "self.all(x, true)", 11),
        (mapping(BOOLEAN), "self.all(x, true)", 943718),
        (mapping(NAMED), "self.all(x, true)", 428963),
        (mapping(array(NUMBER)), "self.all(x, true)", 1179647),
        (mapping(form("date-time")), "self.all(x, true)", 349526),
        (text(), "self.contains('test')", 314574),
        (text(maxLength=10), "self.contains('test')", 5),
        (text(), "self.startsWith('test')", 2),
        (text(), "size(self + 'hello') > size('hello')", 314578),
        (text(maxLength=4), "size(self + 'hello') > size('hello')", 7),
        (array(NUMBER), "self[1] == 0.0", 2),
        (array(STRING), "self[1] == self[1]", 314577),
        (array(NUMBER, maxItems=10), "self.all(x, self.all(y, true))", 352),
        (array(NUMBER, maxItems=10), "self.all(x, self.all(y, self.all(z, true)))", 3552),
        (text(), "self.matches('x')", 314574),
        (text(maxLength=50), "self.matches('x')", 22),
        (text(), "''.matches('(((((((((())))))))))[0-9]')", 7),
        (text(), "self.matches('')", 1),
        (mapping(text(maxLength=10), maxProperties=10), "self.all(x, x.contains(self[x]))", 72),
        (text(), "self == 'x'", 2),
        (text(maxLength=0), "self == 'x'", 1),
        (array(NUMBER), "self.all(x, x == 0.0)", 6291454),
        (array(mapping(NAMED)), "self.all(x, x['y'].required == 'z')", 7340027),
        (array(EITHER), "self.all(x, true)", 4718591),
        (array(EITHER), "self[0] == 5", 3),
        (array(NAMED), "self[0] == null", 2),
        (array(mapping(NUMBER)), "self.all(x, x.y == 25.2)", 6291452),
        (array(mapping(NUMBER)), "self[0].x > 2.0", 4),
        (array(form("duration")), "self[0].getHours() == 2", 4),
        (array(form("date")), "self[2].getDayOfMonth() == 13", 4),
        (text(), "self.find('[0-9]+') == ''", 629147),
        (text(maxLength=10), "self.find('[0-9]+') == ''", 11),
        (array(STRING), "self.join(' ') == 'aa bb'", 329853068905),
        (array(text(maxLength=10), maxItems=10), "self.join(' ') == 'aa bb'", 43),
        (array(STRING), "self.isSorted() == true", 329854432052),
        (array(text(maxLength=10), maxItems=10), "self.isSorted() == true", 52),
        (text(), "self.lowerAscii() == 'lower!'", 314575),
        (mapping({"type": "integer"}), "oldSelf.size() == self.size()", 5),
        (mapping(form("date-time")), "self['a'] == self['b']", 8),
        (mapping(form("duration")), "self['c'] == self['d']", 8),
        (text(enum=["A", "B", "C", "LongValue"]), "self.contains('A')", 2),
        (text(enum=["A", "B", "C", "LongValue"], maxLength=1000), "self.contains('A')", 401),
    ],
)
def test_an_estimate_is_upstreams(schema: Obj, rule: str, expected: int) -> None:
    assert cost(schema, rule) == expected


def replacing(most: int | None) -> Obj:
    whole = text() if most is None else text(maxLength=most)
    return {"type": "object", "properties": {"str": whole, "before": text(maxLength=2), "after": text(maxLength=4)}}


@pytest.mark.parametrize(("most", "expected"), [(None, 629154), (4, 12)])
def test_a_replacement_makes_a_text_longer(most: int | None, expected: int) -> None:
    assert cost(replacing(most), "self.str.replace(self.before, self.after) == 'does not matter'") == expected


@pytest.mark.parametrize(("most", "expected"), [({}, 629160), ({"maxLength": 10}, 22)])
def test_a_split_walks_twice(most: Obj, expected: int) -> None:
    schema = {"type": "object", "properties": {"str": text(**most), "separator": text(**most)}}
    assert cost(schema, "self.str.split(self.separator) == []") == expected


@given(st.lists(st.text(max_size=12), max_size=6))
def test_no_evaluation_costs_more_than_estimated(items: list[str]) -> None:
    schema = array(text(maxLength=12), maxItems=6)
    kind = type_of(schema)
    assert kind is not None
    for rule in (
        "self.all(x, x.size() < 20)",
        "self.exists(x, x.contains('ab') || x.startsWith('c'))",
        "self.filter(x, x != 'a').map(x, x + 'b').size() >= 0",
        "self.exists_one(x, x == 'a')",
        "cel.bind(y, self.map(x, x.size()), y.all(z, z >= 0))",
        "self.join(',').matches('a.*b') ? self.size() > 1 : true",
    ):
        program = compile(rule, Environment({"self": kind, "oldSelf": kind}))
        assert program.cost({"self": items}) <= estimate(program.root, shape_of(schema)), rule


def test_values_of_an_unbounded_list_are_counted_by_their_smallest_size() -> None:
    assert repeated({"type": "object", "properties": {"a": NUMBER}}) == 3145728 // 3
