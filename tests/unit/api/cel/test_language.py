"""The language: literals, operators, macros, errors at compile time and at run time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.api.cel import CelCostExceeded, CelError, CelEvaluationError, Environment, compile, types
from kubern.api.cel.types import Field, Type

PERSON = Type("Person", fields={"name": Field("name", types.STRING), "a__dash__b": Field("a-b", types.INT)})
ENVIRONMENT = Environment({"x": types.INT, "any": types.DYN, "person": PERSON, "names": types.list_of(types.STRING)})
VALUES = {
    "x": 3,
    "any": {"a": {"b": [1, "two", None]}, "n": 1.0, "t": True},
    "person": {"name": "Ada", "a-b": 7},
    "names": ["a", "b"],
}


def evaluate(text: str) -> Any:
    return compile(text, ENVIRONMENT).evaluate(VALUES)


TRUE = """
1 + 2 * 3 == 7
(1 + 2) * 3 == 9
7 / 2 == 3 && -7 / 2 == -3 && -7 % 2 == -1 && 7 % -2 == 1
7.0 / 2.0 == 3.5
1u + 2u == 3u
0x10 == 16 && 0xFFu == 255u
1e3 == 1000.0 && .5 == 0.5
-9223372036854775808 < 0
1 < 1.5 && 1u < 2 && 2.0 > 1u
dyn(1) == 1.0 && dyn(1u) == 1 && dyn(true) != 1
'a' + "b" == 'ab'
'''multi
line''' == 'multi\\nline'
r'\\d' == '\\\\d'
'\\u00e9\\x41\\101' == 'éAA'
b'abc' == b'\\x61bc'
b'\\377' == b'\\xff'
size('éa') == 2 && size(b'é') == 2
[1, 2] + [3] == [1, 2, 3]
[] == [] && {} == {}
{'a': 1}['a'] == 1 && {'a': 1}.a == 1
'a' in {'a': 1} && 2 in [1, 2] && !(3 in [1, 2])
1.0 / 0.0 > 1e308
true || 1 / 0 == 1
1 / 0 == 1 || true
!(false && 1 / 0 == 1) && !(1 / 0 == 1 && false)
x > 2 ? true : 1 / 0 == 1
any.a.b[1] == 'two' && any.a.b[2] == null
any.n == 1 && any['t']
has(any.a) && !has(any.zzz)
person.name == 'Ada' && person.a__dash__b == 7
[1, 2, 3].all(i, i > 0) && ![1, 2, 3].all(i, i > 1)
[1, 2, 3].exists(i, i == 2) && [1, 2, 2].exists_one(i, i == 1)
![1, 2, 2].existsOne(i, i == 2)
[0, 1].exists(i, 1 / i == 1) && ![0, 1].all(i, 1 / i == 2)
[1, 2, 3].map(i, i * 2) == [2, 4, 6]
[1, 2, 3].map(i, i > 1, i * 2) == [4, 6]
[1, 2, 3].filter(i, i > 1) == [2, 3]
{'a': 1, 'b': 2}.filter(k, k == 'a') == ['a']
{'a': 1}.all(k, k == 'a') && {'a': 1}.exists(k, v, v == 1)
[5, 6].all(i, v, v == i + 5)
[1, 2].transformList(i, v, i * v) == [0, 2]
[1, 2].transformList(i, v, v > 1, v) == [2]
{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v * 10) == {'b': 20}
{'a': 1}.transformMapEntry(k, v, {v: k}) == {1: 'a'}
[1, 2].map(i, [3, 4].map(j, i * j)) == [[3, 4], [6, 8]]
cel.bind(y, x * x, y + y) == 18
any.?zzz.orValue(5) == 5 && any.?a.?b.hasValue() && !any.?zzz.?yyy.hasValue()
any.a.?zzz.orValue('d') == 'd' && any[?'a'].hasValue()
[1][?4].orValue(9) == 9
[1, ?optional.none(), ?optional.of(2)] == [1, 2]
{?'a': optional.of(1), ?'b': optional.none()} == {'a': 1}
optional.of(1).optMap(v, v + 1).value() == 2
optional.of(1).optFlatMap(v, optional.none()).orValue(7) == 7
optional.none().or(optional.of(1)).value() == 1
!optional.ofNonZeroValue('').hasValue()
type(1) == int && type('') == string && type([]) == list && type({}) == map && type(1.0) == double
type(type(1)) == type && type(null) == null_type && type(1u) == uint
type(duration('1s')) == google.protobuf.Duration
int('-5') == -5 && int(2.9) == 2 && int(-2.9) == -2 && uint('7') == 7u && double('1.5') == 1.5
string(1) == '1' && string(1.5) == '1.5' && string(true) == 'true' && string(1e21) == '1e+21' && string(2.0) == '2'
string(b'abc') == 'abc' && bytes('é') == b'\\xc3\\xa9'
bool('true') && !bool('0')
duration('1h30m') == duration('90m') && duration('1.5s').getMilliseconds() == 1500
string(duration('1h30m')) == '5400s' && string(duration('-1500ms')) == '-1.5s'
timestamp('2024-02-29T12:30:45.5Z').getMonth() == 1
timestamp('2024-02-29T12:30:45Z').getDate() == 29 && timestamp('2024-02-29T00:00:00Z').getDayOfMonth() == 28
timestamp('2024-03-03T00:00:00Z').getDayOfWeek() == 0 && timestamp('2024-01-01T00:00:00Z').getDayOfYear() == 0
timestamp('2024-01-01T00:00:00Z').getHours('America/New_York') == 19
timestamp('2024-01-01T00:00:00Z').getHours('+02:30') == 2
timestamp('2024-01-01T01:00:00+01:00') == timestamp('2024-01-01T00:00:00Z')
timestamp('2024-01-01T00:00:00Z') + duration('24h') == timestamp('2024-01-02T00:00:00Z')
timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z') == duration('24h')
int(timestamp('1970-01-01T00:01:00Z')) == 60 && string(timestamp(60)) == '1970-01-01T00:01:00Z'
1 == 1 // a comment
"""


@pytest.mark.parametrize(
    "text", [line for line in TRUE.replace("multi\nline", "multi\\nline").strip().split("\n") if "multi" not in line]
)
def test_what_is_true(text: str) -> None:
    assert evaluate(text) is True


def test_a_string_of_several_lines() -> None:
    assert evaluate("'''multi\nline'''") == "multi\nline"
    assert evaluate('r"""a\\n"b"""') == 'a\\n"b'


FAILING = {
    "1 / 0": "division by zero",
    "1 % 0": "modulus by zero",
    "9223372036854775807 + 1": "integer overflow",
    "-(-9223372036854775808)": "integer overflow",
    "1u - 2u": "unsigned integer overflow",
    "any.zzz": "no such key: zzz",
    "{'a': 1}['b']": "no such key: b",
    "[1][1]": "index out of bounds: 1",
    "any + 1": "no such overload",
    "any.a && true": "no such overload",
    "any.n + 'a' == 'x'": "no such overload",
    "int('x')": 'strconv.ParseInt: parsing "x": invalid syntax',
    "int(1e30)": "integer overflow",
    "optional.none().value()": "optional.none() dereference",
    "[0].map(i, 1 / i)": "division by zero",
    "[1, 2].all(i, i / 0 > 1)": "division by zero",
    "'abc'.substring(2, 1)": "invalid substring range. start: 2, end: 1",
    "{1: 'a', 1: 'b'}": "Failed with repeated key: 1",
    "timestamp('9999-12-31T23:59:59Z') + duration('1h')": "timestamp overflow",
}


@pytest.mark.parametrize(("text", "message"), FAILING.items())
def test_what_fails_when_it_runs(text: str, message: str) -> None:
    with pytest.raises(CelEvaluationError) as raised:
        evaluate(text)
    assert str(raised.value) == message


REFUSED = {
    "x + 'a'": "1:3: found no matching overload for '_+_' applied to '(int, string)'",
    "person.zzz": "1:7: undefined field 'zzz'",
    "has(person.zzz)": "1:4: undefined field 'zzz'",
    "y": "1:1: undeclared reference to 'y' (in container '')",
    "nothing(1)": "1:8: undeclared reference to 'nothing' (in container '')",
    "names.all(n, n == 1)": "1:16: found no matching overload for '_==_' applied to '(string, int)'",
    "names.map(n, n.zzz())": "1:19: undeclared reference to 'zzz' (in container '')",
    "1 == 1.0": "1:3: found no matching overload for '_==_' applied to '(int, double)'",
    "[1, 'a']": "1:5: expected type 'int' but found 'string'",
    "{'a': 1, 'b': 'c'}": "1:15: expected type 'int' but found 'string'",
    "x ? 1 : 2": "1:3: found no matching overload for '_?_:_' applied to '(int, int, int)'",
    "x && true": "1:3: found no matching overload for '_&&_' applied to '(int, bool)'",
    "x.all(i, true)": "1:1: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
    "names.contains('a')": "1:15: found no matching overload for 'contains' applied to 'list(string).(string)'",
    "has(x)": "1:5: invalid argument to has() macro",
    "names.all(1, true)": "1:11: argument must be a simple name",
    "names.all(n, 1)": "1:14: expected type 'bool' but found 'int'",
    "if": "1:1: reserved identifier: if",
    "9223372036854775808": "1:1: invalid int literal",
    "duration('1x')": "1:10: invalid duration argument",
    "'a'.matches('(')": "1:13: invalid matches argument",
    "1 +": "1:4: Syntax error: mismatched input '<EOF>' expecting {",
    "(1": "1:3: Syntax error: missing ')' at '<EOF>'",
    "x @ 1": "1:3: Syntax error: token recognition error at: '@'",
    "x y": "1:3: Syntax error: mismatched input 'y' expecting <EOF>",
    "Thing{a: 1}": "1:6: undeclared reference to 'Thing' (in container '')",
    "person == 1": "1:8: found no matching overload for '_==_' applied to '(Person, int)'",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_what_does_not_compile(text: str, message: str) -> None:
    with pytest.raises(CelError) as raised:
        compile(text, ENVIRONMENT)
    assert str(raised.value).startswith(f"ERROR: <input>:{message}")


def test_an_error_is_shown_under_its_line() -> None:
    with pytest.raises(CelError) as raised:
        compile("x == 1 &&\n  person.zzz == 2", ENVIRONMENT)
    assert str(raised.value) == "ERROR: <input>:2:9: undefined field 'zzz'\n |   person.zzz == 2\n | ........^"


@pytest.mark.parametrize(
    ("text", "kind"),
    [("[1]", "list(int)"), ("{'a': [1.0]}", "map(string, list(double))"), ("any.a", "dyn"), ("optional.of(x)", "optional_type(int)"),
     ("names.map(n, size(n))", "list(int)"), ("[]", "list(dyn)"), ("x > 1 ? 1 : any", "dyn"), ("names[0]", "string")],
)  # fmt: skip
def test_types(text: str, kind: str) -> None:
    assert str(compile(text, ENVIRONMENT).type) == kind


def test_evaluation_stops_at_its_limit() -> None:
    program = compile("any.all(a, any.all(b, any.all(c, a + b + c > -1)))", ENVIRONMENT)
    with pytest.raises(CelCostExceeded):
        program.evaluate({"any": list(range(1000))})
    assert compile("[1, 2].all(i, any == 0 || true)", ENVIRONMENT).evaluate({"any": 1}) is True


def test_no_operator_absorbs_the_limit() -> None:
    program = compile("any.all(a, any.all(b, a + b >= 0)) || true", ENVIRONMENT)
    with pytest.raises(CelCostExceeded):
        program.evaluate({"any": list(range(100))}, limit=500)


def test_a_long_chain_of_alternatives_and_deep_nesting() -> None:
    chain = " || ".join(f"x == {i}" for i in range(2000))
    assert compile(chain, ENVIRONMENT).evaluate(VALUES) is True
    with pytest.raises(CelError, match="recursion limit"):
        compile("(" * 200 + "1" + ")" * 200, ENVIRONMENT)
    with pytest.raises(CelError, match="recursion limit"):
        compile("+".join("1" * 1000), ENVIRONMENT)
    assert compile("+".join("1" * 150), ENVIRONMENT).evaluate({}) == 150


_MARKS = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    "?",
    ":",
    "+",
    "-",
    "*",
    "/",
    "%",
    "<",
    ">",
    "!",
    "=",
    "&",
    "|",
    "'",
    '"',
    "\\",
    "`",
    "@",
]
_WORDS = [
    *("x", "any", "person", "names", ".all(", "has(", "map", "1", "2u", "1.5", "'a'", "b''", "in", "true", "null"),
    *("==", "&&", "||", ".?", "[?", "cel.bind(", "type(", "0x", "1e", "r'", "'''", "é", "//"),
]
_PIECES = st.sampled_from([*_MARKS, *_WORDS, " ", "\n"])


def outcome(text: str) -> str:
    try:
        compile(text, ENVIRONMENT).evaluate(VALUES)
    except CelError as error:
        return f"refused: {error}"
    except (CelEvaluationError, CelCostExceeded) as error:
        return f"failed: {error}"
    return "done"


@given(st.one_of(st.lists(_PIECES, max_size=25).map("".join), st.text(max_size=40)))
def test_whatever_the_text_the_compiler_answers(text: str) -> None:
    assert outcome(text).startswith(("refused: ERROR: <input>:", "failed: ", "done"))


_LEAVES = st.one_of(st.integers(-(2**62), 2**62), st.booleans(), st.text(max_size=5))


_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(_VALUES)
def test_every_value_equals_itself_and_no_boolean_is_a_number(value: Any) -> None:
    program = compile("a == b", Environment({"a": types.DYN, "b": types.DYN}))
    assert program.evaluate({"a": value, "b": value}) is True
    if isinstance(value, bool):
        assert program.evaluate({"a": value, "b": int(value)}) is False
