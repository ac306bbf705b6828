"""Counts a program's requests to its apiserver, under client-go's names: what transports fill and a program's port shows."""

from __future__ import annotations

from collections.abc import Iterator

from kubern.base.metrics import Family, Histogram

_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
UNREACHED = "<error>"
"""The code of a request that no answer came to."""


class RequestCounts:
    """The requests to one server; `host` is its name and port."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._codes: dict[tuple[str, str], int] = {}
        self._seconds: dict[str, Histogram] = {}

    def count(self, method: str, code: str, seconds: float) -> None:
        """Count a request that was answered, or not, after so many seconds."""
        key = (code, method)
        self._codes[key] = self._codes.get(key, 0) + 1
        histogram = self._seconds.get(method)
        if histogram is None:
            histogram = self._seconds[method] = Histogram(_SECONDS)
        histogram.observe(seconds)

    def families(self) -> Iterator[Family]:
        """Yield the metrics."""
        yield Family(
            "rest_client_requests_total", "counter",
            "[ALPHA] Number of HTTP requests, partitioned by status code, method, and host.",
            ("code", "host", "method"), {(code, self._host, method): n for (code, method), n in self._codes.items()},
        )  # fmt: skip
        yield Family(
            "rest_client_request_duration_seconds", "histogram",
            "[ALPHA] Request latency in seconds. Broken down by verb, and host.",
            ("host", "verb"), {(self._host, verb): seconds for verb, seconds in self._seconds.items()},
        )  # fmt: skip
