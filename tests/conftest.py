"""Shared by every test: nothing but what all of them need."""

import os

import pytest
from hypothesis import settings

# no test asserts a time; and a landing is decided by the change, not by the examples that chance finds on that day
settings.register_profile("kubern", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("kubern")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-examples",
        type=int,
        default=3,
        help="how hard tests/api/test_fuzz.py tries: 3 is half a minute, 100 a quarter of an hour",
    )
