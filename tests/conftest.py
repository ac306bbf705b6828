"""Shared by the tests of more than one folder."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.etcd import Etcd

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


@pytest.fixture
def three() -> Iterator[Etcd]:
    """An etcd of three members."""
    with Etcd(3) as made:
        yield made
