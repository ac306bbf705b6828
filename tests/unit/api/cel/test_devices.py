"""Expressions that choose devices: those of Kubernetes' documentation compile, others say why not."""

from __future__ import annotations

import pytest

from kubern.api.cel.devices import chooses, device_value, selector_problem
from kubern.api.cel.errors import CelEvaluationError


@pytest.mark.parametrize(
    "expression",
    [
        "device.driver == 'gpu.example.com'",
        'device.attributes["gpu.example.com"].model == "a100"',
        'device.capacity["gpu.example.com"].memory.isGreaterThan(quantity("10Gi"))',
        'device.attributes["a.example.com"].version.isGreaterThan(semver("1.0.0"))',
        'has(device.attributes["a.example.com"].x) && device.allowMultipleAllocations',
        'device.attributes["a.example.com"].healthy',
        'cel.bind(dra, device.attributes["dra.example.com"], dra.family == "x" || dra.count > 3)',
    ],
)
def test_a_selector_compiles(expression: str) -> None:
    assert selector_problem(expression) == ""


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("", "compilation failed"),
        ("device.driver", "must evaluate to bool or the unknown type, not string"),
        ("device.name == 'x'", "undefined field 'name'"),
        ("claim.x", "undeclared reference to 'claim'"),
    ],
)
def test_a_selector_is_refused(expression: str, problem: str) -> None:
    assert problem in selector_problem(expression)


DEVICE = device_value(
    "gpu.example.com",
    {
        "attributes": {"model": {"string": "a100"}, "other.com/count": {"int": 4}, "version": {"version": "1.2.3"}},
        "capacity": {"memory": {"value": "40Gi"}},
    },
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('device.driver == "gpu.example.com" && device.attributes["gpu.example.com"].model == "a100"', True),
        ('device.attributes["other.com"].count > 4', False),
        ('device.attributes["gpu.example.com"].version.isGreaterThan(semver("1.2.0"))', True),
        ('device.capacity["gpu.example.com"].memory.compareTo(quantity("40Gi")) == 0', True),
        ('has(device.attributes["nobody.com"].x) || device.allowMultipleAllocations', False),
        ('"nobody.com" in device.attributes', False),
        ('device.attributes["gpu.example.com"].?model.orValue("") == "a100"', True),
    ],
)
def test_a_selector_chooses(expression: str, expected: bool) -> None:
    assert chooses(expression, DEVICE) is expected


def test_a_selector_that_fails_says_so() -> None:
    with pytest.raises(CelEvaluationError, match="no such key: nothing"):
        chooses('device.attributes["gpu.example.com"].nothing == 1', DEVICE)
