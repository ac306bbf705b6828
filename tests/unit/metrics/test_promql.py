"""From selectors to PromQL: nothing that a user writes becomes anything but a quoted value or a checked name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.base.errors import BadRequest
from kubern.metrics.promql import Matcher, expression, matchers_of


@pytest.mark.parametrize(
    ("selector", "inside"),
    [
        ("", ""),
        ("a=b", 'a="b"'),
        ("a==b,c!=d", 'a="b",c!="d"'),
        ("a in (x, y.z)", 'a=~"x|y\\\\.z"'),
        ("a notin (x)", 'a!~"x"'),
        ("a", 'a!=""'),
        ("!a", 'a=""'),
        ("app.kubernetes.io/name=shop", 'app_kubernetes_io_name="shop"'),
        ('a=b"c', 'a="b\\"c"'),
    ],
)
def test_selectors_become_conditions(selector, inside):
    assert expression("x", matchers_of(selector)) == f"x{{{inside}}}"


@pytest.mark.parametrize("selector", ["a=b=c", "a in x", "=b", "a in (x", "(a)"])
def test_what_is_no_selector_is_refused(selector):
    with pytest.raises(BadRequest, match="unable to parse"):
        matchers_of(selector)


def test_a_rate_is_a_counters():
    assert expression("jobs_per_second", [Matcher("q", "=", "a")]) == 'rate(jobs_total{q="a"}[120s])'


@pytest.mark.parametrize("metric", ["", "sum(up)", "a b", "1a", "a{}", "a\n"])
def test_what_is_no_name_is_refused(metric):
    with pytest.raises(BadRequest, match="no metric's name"):
        expression(metric, [])


@given(st.text(), st.text(alphabet='ab"\\\n{}', min_size=1))
def test_a_value_stays_a_value(value, more):
    text = str(Matcher("a", "=", value + more))
    assert re.fullmatch(r'a="(?:[^"\\\n]|\\[\\"n])*"', text)
