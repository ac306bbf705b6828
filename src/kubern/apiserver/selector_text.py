"""Selectors as a query carries them: `app in (a,b),!old,tier!=x` for labels, `spec.nodeName=n1,status.phase!=Running` for fields.

Called by `selection`. What always holds: a selector is parsed once a request into plain tests on a map.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from kubern.api import names
from kubern.base.errors import BadRequest

Test = Callable[[Mapping[str, str]], bool]


class Equals:
    """The test that nearly every selector consists of; `default` is what an absent name counts as."""

    __slots__ = ("default", "name", "value")

    def __init__(self, name: str, value: str, default: str | None = None) -> None:
        self.name, self.value, self.default = name, value, default

    def __call__(self, values: Mapping[str, str], /) -> bool:
        """Whether the value under the name is the one wanted."""
        return values.get(self.name, self.default) == self.value


_TERM = re.compile(
    r"""\s*(?:
        !\s*(?P<absent>[^\s,=!<>()]+)
      | (?P<key>[^\s,=!<>()]+)\s*(?:
            (?P<set>\bin\b|\bnotin\b)\s*\((?P<values>[^()]*)\)
          | (?P<operator>==|=|!=|>|<)\s*(?P<value>[^\s,=!<>()]*)
        )?
    )\s*(?:,|$)""",
    re.VERBOSE,
)


def label_tests(text: str) -> list[Test]:
    """Return the tests of a label selector. Raises `BadRequest` for one that cannot be parsed."""
    tests: list[Test] = []
    at = 0
    while at < len(text):
        term = _TERM.match(text, at)
        if term is None:
            raise BadRequest(
                f"unable to parse requirement: found {text[at:].strip()!r}, expected: !, identifier, or ','"
            )
        at = term.end()
        tests.append(_label_test(term))
    if text.rstrip().endswith(","):
        raise BadRequest("unable to parse requirement: found '', expected: identifier after ','")
    return tests


def _label_test(term: re.Match[str]) -> Test:
    absent, key = term["absent"], term["key"] or term["absent"]
    _check(names.qualified_name(key), "key", key)
    if absent:
        return lambda labels: key not in labels
    if term["set"]:
        values = frozenset(value.strip() for value in term["values"].split(","))
        for value in values:
            _check(names.label_value(value), f"values[0][{key}]", value)
        if term["set"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if not term["operator"]:
        return lambda labels: key in labels
    return _comparison(key, term["operator"], term["value"])


def _comparison(key: str, operator: str, value: str) -> Test:
    _check(names.label_value(value), f"values[0][{key}]", value)
    if operator in ("=", "=="):
        return Equals(key, value)
    if operator == "!=":
        return lambda labels: labels.get(key) != value
    bound = _integer(value)
    if bound is None:
        raise BadRequest(
            f"values[0][{key}]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, the value must be an integer"
        )
    sign = 1 if operator == ">" else -1

    def compare(labels: Mapping[str, str]) -> bool:
        number = _integer(labels.get(key, ""))
        return number is not None and (number - bound) * sign > 0

    return compare


def field_tests(text: str, known: Callable[[str], str]) -> list[Test]:
    """Return the tests of a field selector. `known` maps a field's name to the name it is compared under, and raises for an
    unknown one. Raises `BadRequest` for a selector that cannot be parsed."""
    tests: list[Test] = []
    for term in _split(text):
        operator = next((op for op in ("!=", "==", "=") if op in term), "")
        if not operator:
            raise BadRequest(f"invalid selector: '{text}'; can't understand '{term}'")
        name, _, value = term.partition(operator)
        tests.append(
            _field_test(known(name), value.replace("\\,", ",").replace("\\=", "=").replace("\\\\", "\\"), operator)
        )
    return tests


def _field_test(name: str, value: str, operator: str) -> Test:
    if operator == "!=":
        return lambda fields: fields.get(name, "") != value
    return Equals(name, value, "")


def _split(text: str) -> list[str]:
    """Split at the commas that no backslash protects."""
    return [term for term in re.split(r"(?<!\\),", text) if term]


def _check(messages: list[str], path: str, value: str) -> None:
    if messages:
        raise BadRequest(f'unable to parse requirement: {path}: Invalid value: "{value}": {"; ".join(messages)}')


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else None
