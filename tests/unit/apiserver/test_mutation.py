"""Which mutators are asked again in the second round."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.apiserver.admission_chain import Attributes, Reinvocation
from kubern.apiserver.mutation import Turns
from kubern.base.json import Obj


def a_round(reinvocation: Reinvocation, obj: Obj, changing: str, again: str) -> str:
    """Run one round of a, b and c and return who was asked; `changing` change the object, `again` want to be asked again."""
    unused: Any = None
    attributes = Attributes(unused, "CREATE", unused, "", "", obj, None, unused, reinvocation=reinvocation)
    asked = ""
    turns = Turns.of(attributes, "mutators")
    for mutator in "abc":
        if turns.has(mutator):
            asked += mutator
            if mutator in changing:
                obj["changes"] = obj.get("changes", "") + mutator
            turns.took(mutator, changed=mutator in changing, again=mutator in again)
    turns.end(attributes)
    return asked


@pytest.mark.parametrize(
    ("changing", "again", "others", "second"),
    [
        ("", "abc", False, ""),
        ("c", "", False, ""),
        ("c", "abc", False, "ab"),
        ("b", "a", False, "a"),
        ("a", "b", False, ""),
        ("a", "b", True, "b"),
        ("", "", True, ""),
    ],
)
def test_the_second_round(changing: str, again: str, others: bool, second: str) -> None:
    reinvocation, obj = Reinvocation(), {"a": 1}
    assert a_round(reinvocation, obj, changing, again) == "abc"
    assert reinvocation.wanted == bool(changing)
    reinvocation.second = True
    if others:
        obj["by others"] = 1
    assert a_round(reinvocation, obj, "", again) == second
