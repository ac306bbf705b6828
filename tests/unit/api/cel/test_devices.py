"""Expressions that choose devices: those of Kubernetes' documentation compile, others say why not."""

from __future__ import annotations

import pytest

from kubern.api.cel.devices import selector_problem


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
