"""No request, however odd, makes the apiserver fail, hang, or keep memory or files: see `fuzzing.py`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import psutil
import pytest

from tests.api import fuzzing

TOO_NEW = "Too large resource version"
"""What upstream too answers with 504."""
GROWTH = 24 << 20
"""Bytes that memory may grow between the first and the second round of the same requests."""


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--fuzz-examples"))


def _resources(api: Any) -> list[tuple[str, dict[str, Any]]]:
    """What is in the discovery document, with the prefix of its paths."""
    groups = api("GET", "/apis").body["groups"]
    prefixes = ["/api/v1", *(f"/apis/{each['groupVersion']}" for group in groups for each in group["versions"])]
    return [(prefix, resource) for prefix in prefixes for resource in api("GET", prefix).body["resources"]]


def _requests(api: Any, examples: int) -> Iterator[fuzzing.Request]:
    resources = _resources(api)
    document = api("GET", "/openapi/v2").body
    spoiled = fuzzing.spoiled(resources, 4 * examples)
    return chain(spoiled, fuzzing.from_document(document, examples), fuzzing.readings(resources, 3 * examples))


def _round(api: Any, requests: list[fuzzing.Request]) -> dict[int, int]:
    """Send all; return how many were answered with each code."""
    target, failures = fuzzing.Target(api), []
    for request in requests:
        code, text = target.send(request)
        if code >= 500 and TOO_NEW not in text:
            failures.append(
                f"{request.method} {request.path[:300]} {(request.body or b'')[:2000]!r}\n -> {code} {text[:500]}"
            )
    target.close()
    assert not failures, f"{len(failures)} of {len(requests)} requests failed\n" + "\n".join(failures[:20])
    return target.codes


def _descriptors(process: psutil.Process, at_most: int) -> int:
    """How many files and connections the process has open, once the connections that were left are closed."""
    deadline = time.monotonic() + 10
    while (count := process.num_fds()) > at_most and time.monotonic() < deadline:
        time.sleep(0.05)
    return count


@pytest.mark.timeout(7200)
def test_odd_requests_are_refused_and_cost_nothing(own_apiserver: Callable[..., Any], examples: int) -> None:
    apiserver = own_apiserver()
    api = apiserver.start()
    process = psutil.Process(apiserver.process.pid)
    assert api("POST", "/api/v1/namespaces", {"metadata": {"name": fuzzing.NAMESPACE}}).code == 201
    requests = list(_requests(api, examples))
    before = process.num_fds()
    first = _round(api, requests)
    assert first[201] > 30  # it gets as far as making objects
    assert first[200] > 30
    memory, files = process.memory_info().rss, _descriptors(process, before)
    _round(api, requests)
    assert process.memory_info().rss < memory + GROWTH
    assert _descriptors(process, files) <= files
    assert api("GET", "/readyz").code == 200
    assert " E " not in apiserver.log.read_text(), apiserver.log.read_text()[-5000:]
