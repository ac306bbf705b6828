"""Selectors as a query carries them: `app in (a,b),!old,tier!=x` for labels, `spec.nodeName=n1,status.phase!=Running` for fields.

Called by `selection`. What always holds: a selector is parsed once a request into plain tests on a map.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from kubern.apiserver.label_selector import Test, number, requirements
from kubern.base.errors import BadRequest


class Equals:
    """The test that nearly every selector consists of; `default` is what an absent name counts as."""

    __slots__ = ("default", "name", "value")

    def __init__(self, name: str, value: str, default: str | None = None) -> None:
        self.name, self.value, self.default = name, value, default

    def __call__(self, values: Mapping[str, str], /) -> bool:
        """Whether the value under the name is the one wanted."""
        return values.get(self.name, self.default) == self.value


def label_tests(text: str) -> list[Test]:
    """Return the tests of a label selector. Raises `BadRequest` for one that cannot be parsed."""
    return [_label_test(*term) for term in requirements(text)]


def _label_test(key: str, operator: str, values: frozenset[str]) -> Test:
    if operator == "exists":
        return lambda labels: key in labels
    if operator == "!":
        return lambda labels: key not in labels
    if operator == "in":
        return lambda labels: labels.get(key) in values
    if operator in ("notin", "!="):
        return lambda labels: labels.get(key) not in values
    (value,) = values
    if operator in ("=", "=="):
        return Equals(key, value)
    bound = number(value) or 0
    sign = 1 if operator == ">" else -1

    def compare(labels: Mapping[str, str]) -> bool:
        found = number(labels.get(key, ""))
        return found is not None and (found - bound) * sign > 0

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
